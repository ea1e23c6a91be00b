"""PagoEfectivo on this machine: `cuadre sandbox` as a process of its own, spoken to over HTTP as a shop would."""

import datetime
import hashlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from emulator import free_port, listens, stop, wait_until

LIMA = datetime.timezone(datetime.timedelta(hours=-5))
TIMEOUT_SECONDS = 20


def call(method, url, body=None, headers=None):
    """One HTTP request: (status, body bytes). Redirects and proxies play no part on loopback."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def lima(moment):
    """A time as the API writes it."""
    return moment.astimezone(LIMA).strftime("%Y-%m-%dT%H:%M:%S-05:00")


class Provider:
    """A running simulator, and the shop's side of its API."""

    def __init__(self, cuadre, keys, log_path):
        self.port = free_port()
        self._keys = keys
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = Path(log_path).open("wb")
        self.process = subprocess.Popen(
            [
                *(str(cuadre), "sandbox", "--port", str(self.port)),
                *("--id-service", str(keys["id_service"])),
                *("--access-key", keys["access_key"]),
                *("--secret-key", keys["secret_key"]),
            ],
            env={"PATH": os.environ["PATH"]},
            stdout=self._log,
            stderr=self._log,
        )
        try:
            wait_until("the simulator listens", lambda: listens(self.port), seconds=20, alive=self.process)
        except AssertionError:
            self.stop()
            raise

    def _json(self, method, path, body, headers=None):
        status, answer = call(
            method,
            self.url + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **(headers or {})},
        )
        assert status in (200, 201), f"{method} {path}: {status} {answer!r}"
        return json.loads(answer)

    def _control(self, what, body):
        return self._json("POST", f"/_sandbox/{what}", body)

    def create_cip(self, reference, amount, expires_at):
        """Authorizes as the shop and creates one CIP; the answer is its number."""
        now, keys = lima(datetime.datetime.now(LIMA)), self._keys
        text = f"{keys['id_service']}.{keys['access_key']}.{keys['secret_key']}.{now}"
        authorized = self._json(
            "POST",
            "/v1/authorizations",
            {
                "accessKey": keys["access_key"],
                "idService": keys["id_service"],
                "dateRequest": now,
                "hashString": hashlib.sha256(text.encode()).hexdigest(),
            },
        )
        created = self._json(
            "POST",
            "/v1/cips",
            {
                "currency": "PEN",
                "amount": float(amount),
                "transactionCode": reference,
                "dateExpiry": lima(expires_at),
                "userEmail": "comprador@example.com",
                "userPhone": "999999999",
                "userCodeCountry": "+51",
            },
            {"Authorization": f"Bearer {authorized['data']['token']}", "Origin": "web", "Accept-Language": "es-PE"},
        )
        return created["data"]["cip"]

    def pay(self, cip):
        """A shopper pays the CIP in cash; the answer holds the payment's time and operation number."""
        return self._control("pay", {"cip": cip})

    def notices(self):
        """The notices that wait to be delivered, by CIP, each with body and signature."""
        status, answer = call("GET", f"{self.url}/_sandbox/notices")
        assert status == 200
        return {int(json.loads(notice["body"])["data"]["cip"]): notice for notice in json.loads(answer)}

    def forged_notice(self, cip):
        """What somebody sends who knows the form of a notice but not the key."""
        return self._control("forge", {"cip": cip})

    def stop(self):
        """Ends the simulator."""
        stop(self.process)
        self._log.close()

"""AWS on this machine: ministack, as a process of its own on a loopback port."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import botocore.config

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"


def free_port():
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, probe, seconds, every=0.2, alive=None):
    """The first truthy answer of `probe`; fails with the last answer when `seconds` have gone by.

    `alive` is a process without which waiting is in vain.
    """
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if alive is not None and alive.poll() is not None:
            raise AssertionError(f"{what}: the process ended with {alive.returncode} instead")
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s, the last answer was {answer!r}")
        time.sleep(every)


def listens(port):
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process):
    """Ends one process that the tests started, and waits for it."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)


class Emulator:
    """A running ministack with its rights checks on, so that each function can do only what its role allows."""

    def __init__(self, log_path):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._log = Path(log_path).open("wb")
        # Exactly this environment: every function inherits it, and must find its endpoint in it and nothing of the caller's.
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("ministack"))], env=environment, stdout=self._log, stderr=self._log
        )
        try:
            wait_until("ministack listens", lambda: listens(self.port), seconds=30, alive=self.process)
        except AssertionError:
            self.stop()
            raise

    def client(self, service):
        """A client of one service, as the account's root user."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=botocore.config.Config(
                connect_timeout=5, read_timeout=60, retries={"max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )

    def stop(self):
        """Ends ministack, and with it every function process."""
        stop(self.process)
        self._log.close()

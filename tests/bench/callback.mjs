// The callback as a Node shop writes it: signature, JSON, checks; no envelope. Prints nanoseconds a call on one core.
//
// node tests/bench/callback.mjs tests/bench/notice.json

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const KEY = "for tests only - not a key";
const ROUNDS = 5;
const ROUND_MS = 400;
const CALLS_BETWEEN_LOOKS = 200;

const body = readFileSync(process.argv[2]);
const signature = createHmac("sha256", KEY).update(body).digest("hex");

/** Gives the amount in céntimos. */
function read() {
  const expected = createHmac("sha256", KEY).update(body).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, "hex"))) throw new Error("signature");
  const { eventType, data } = JSON.parse(body);
  const fits =
    eventType === "cip.paid" &&
    /^\d{1,14}$/.test(data.cip) &&
    (data.currency === "PEN" || data.currency === "USD") &&
    data.paymentDate.length === 25;
  if (!fits) throw new Error("field");
  const [soles, centimos] = data.amount.split(".");
  return Number(soles) * 100 + Number(centimos);
}

const rounds = [];
for (let round = 0; round < ROUNDS; round++) {
  let calls = 0;
  const start = performance.now();
  while (performance.now() - start < ROUND_MS) {
    for (let call = 0; call < CALLS_BETWEEN_LOOKS; call++) read();
    calls += CALLS_BETWEEN_LOOKS;
  }
  rounds.push(((performance.now() - start) * 1e6) / calls);
}
rounds.sort((a, b) => a - b);
const median = Math.round(rounds[ROUNDS >> 1]);
console.log(`${"node, no envelope".padEnd(28)}${String(body.length).padStart(10)} bytes ${String(median).padStart(7)} ns`);

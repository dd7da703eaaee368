import assert from "node:assert/strict";
import { test } from "node:test";
import { allTickets, ticketsIn } from "../src/tickets.mjs";

test("every ticket is open or closed", async () => {
  const counted = (await ticketsIn("open")).length + (await ticketsIn("closed")).length;
  assert.equal(counted, (await allTickets()).length);
});

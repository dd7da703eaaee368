import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerDriver } from "../../../src/sandbox/docker/docker.ts";
import { STRICT_PROFILE_PATH } from "../../../src/sandbox/seccomp.ts";
import { type Engine, startEngine } from "../../support/engine.ts";
import { type Bed, internetBed, type Joined } from "../../support/joined.ts";

/** The same around a container of an engine, in whose network namespace the engine itself put nothing. */
let engine: Engine;
let bed: Bed;
let room: Joined;

beforeAll(async () => {
  [engine, bed] = await Promise.all([startEngine(), internetBed()]);
  const { runDirectory } = bed;
  const where = { socket: engine.socket, runDirectory, seccompPath: STRICT_PROFILE_PATH };
  room = await bed.open(dockerDriver({ runtime: "runc", ...where }));
});
afterAll(async () => {
  await room.end();
  await engine.stop();
  bed.remove();
});

test("a container's own resolver, addresses and ports lead to the sink, and IPv6 is as the engine left it", async () => {
  const rows = await room.rows();
  for (const id of [
    "dns-resolution:own",
    "dns-channel:back",
    "outbound-tcp:name:443",
    "data-flow:raw",
    "outbound-other:udp:443",
  ])
    expect(rows.get(id)?.verdict, id).toBe("reachable");
  for (const id of ["metadata-responder:link-local", "engine-endpoint:gateway:2375", "neighbour:8080"])
    expect(rows.get(id)?.verdict, id).toBe("decoy-reached");
  const over6 = room.standing().hasIpv6 ? "reachable" : "denied";
  for (const id of ["outbound-other:ipv6-tcp:443", "outbound-other:ipv6-udp:443", "dns-resolution:foreign-ipv6"])
    expect(rows.get(id)?.verdict, id).toBe(over6);
});

test("with a filter in its namespace, the metadata address is held back and the rest is not", async () => {
  await room.inNetwork("iptables", "-A", "OUTPUT", "-d", "169.254.0.0/16", "-j", "REJECT");
  const rows = await room.rows();
  expect(rows.get("metadata-responder:link-local")).toMatchObject({ verdict: "denied", control: "control:sink" });
  expect(rows.get("metadata-responder:task")?.verdict).toBe("denied");
  expect(rows.get("metadata-responder:alibaba")?.verdict).toBe("decoy-reached");
  expect(rows.get("outbound-tcp:address:443")?.verdict).toBe("reachable");
});

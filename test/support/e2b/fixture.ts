import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename, join, resolve } from "node:path";
import type { Fixture } from "../../../src/sandbox/contract.ts";
import { type E2bOptions, e2bDriver } from "../../../src/sandbox/e2b/e2b.ts";
import type { Image } from "../../../src/sandbox/image.ts";
import type { Driver, SandboxSpec } from "../../../src/sandbox/sandbox.ts";
import type { FakeE2b } from "./fakeE2b.ts";

/** A driver's options for the fake, with a short lease and a short look. */
export function optionsFor(fake: FakeE2b, changes: Partial<E2bOptions> = {}): Omit<E2bOptions, "runDirectory"> {
  const { apiKey, url } = fake;
  const reach = { apiKey, keyEnv: "E2B_API_KEY", apiUrl: url, sandboxUrl: url };
  return { ...reach, template: "furnished", leaseMs: 30_000, listApartMs: 50, ...changes };
}

export function driverFor(fake: FakeE2b, home: string, changes: Partial<E2bOptions> = {}): Driver {
  return e2bDriver({ ...optionsFor(fake, changes), runDirectory: join(home, "run") });
}

/** A template that has the guest runtime, as one would make who starts many: it is then not sent each time. */
export function furnishedTemplate(fake: FakeE2b, image: Image): void {
  fake.templates["furnished"] = { directories: { [`/opt/weakdoor/${basename(image.guest)}`]: image.guest } };
}

const OWNER = resolve(import.meta.dirname, "../sandboxOwner.ts");

/** Another process that makes one and keeps it. */
export async function ownerOf(
  options: { runDirectory: string; e2b: Omit<E2bOptions, "runDirectory"> },
  spec: SandboxSpec,
): Promise<ReturnType<Fixture["owner"]> extends Promise<infer Owner> ? Owner : never> {
  const order = JSON.stringify({ kind: "e2b", ...options, spec });
  const child = spawn(process.execPath, [OWNER, order], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as unknown[];
  if (String(said) !== "ready\n") throw new Error(`the owner made no sandbox: ${String(said)}`);
  return { kill: () => void child.kill("SIGKILL") };
}

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endProgram, startProgram } from "../../scoreboard/program.ts";
import { BY_HAND, type Contender } from "./contender.ts";
import { HOST } from "./wire.ts";

const PORT = 3130;

/** Its own list of hosts, no script of ours in it, and a line on its standard output for each request. */
export const mitmproxy: Contender = {
  name: "mitmproxy",
  kinds: ["terminated"],
  async start({ directory, origin }) {
    if (!existsSync("/usr/bin/mitmdump")) return { missing: `mitmproxy is not installed: ${BY_HAND}` };
    mkdirSync(directory);
    const trusted = join(directory, "origin.crt");
    writeFileSync(trusted, origin.cert);
    const settings = [`confdir=${directory}`, `ssl_verify_upstream_trusted_ca=${trusted}`, `allow_hosts=${HOST}`];
    const options = settings.flatMap((one) => ["--set", one]);
    const listen = ["--listen-host", "127.0.0.1", "--listen-port", String(PORT)];
    const child = await startProgram(["mitmdump", ...listen, ...options], PORT);
    const certificate = readFileSync(join(directory, "mitmproxy-ca-cert.pem"), "utf8");
    return { port: PORT, certificate, close: () => endProgram(child) };
  },
};

import { Socket } from "node:net";
import { serveProxy } from "../../../src/guest/shim/proxy.ts";
import { brokerOf, openSession } from "../../../src/guest/shim/session.ts";

/** The shim's proxy on its session, and nothing of the tasks that it runs otherwise. */
const session = openSession(new Socket({ fd: 0, writable: false }), new Socket({ fd: 1, readable: false }));
session.once("close", () => process.kill(process.pid, "SIGKILL"));
session.on("error", () => process.kill(process.pid, "SIGKILL"));
await brokerOf(session).call("POST", "/v1/hello", { node: process.version, pid: process.pid });
await serveProxy(session, Number(process.argv[2]));
process.send?.("ready");

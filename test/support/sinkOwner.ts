import { startSink } from "../../src/probe/internet/sink.ts";

/** A process that starts a sink, says its pid and keeps it, for tests of what happens when such a process dies. */
const sink = await startSink(process.argv[2] ?? "");
process.stdout.write(`${sink.process.pid}\n`);
setInterval(() => undefined, 60_000);

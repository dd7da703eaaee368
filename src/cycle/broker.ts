import { z } from "zod";
import type { Clock } from "../base/clock.ts";
import { inert } from "../base/text.ts";
import type { Alarm, GuestRequest, GuestResponse } from "../egress/egress.ts";
import type { Study } from "../researcher/study.ts";

/**
 * The route table of messages from guests to CONTROL. Who may say what follows from the channel a message came on:
 * alarms come from decoys in a target, study messages from the lab. All else is refused and counted.
 */
export type Broker = {
  onRequest(request: GuestRequest): Promise<GuestResponse>;
  /** Joins the running study; undefined between studies. */
  setStudy(study: Study | undefined): void;
  refused(): number;
};

/** What a decoy says when it is called. */
const DecoyAlarm = z.strictObject({ decoy: z.string().max(80), tool: z.string().max(80), path: z.string().max(200) });

export function broker(options: { onAlarm(alarm: Alarm): void; clock: Clock }): Broker {
  let study: Study | undefined;
  let refused = 0;
  const refuse = (status: number, error: string): GuestResponse => {
    refused++;
    return { status, body: { error } };
  };
  return {
    setStudy(next) {
      study = next;
    },
    refused: () => refused,
    async onRequest(request) {
      if (request.role === "lab" && request.path.startsWith("/v1/research/")) {
        return study === undefined ? refuse(409, "no study is under way") : study.answer(request);
      }
      if (request.role === "target" && request.method === "POST" && request.path === "/v1/alarm") {
        const alarm = DecoyAlarm.safeParse(request.body);
        if (!alarm.success) return refuse(400, "an alarm is { decoy, tool, path }");
        const { decoy, tool, path } = alarm.data;
        options.onAlarm({
          carrier: "mcp-decoy",
          sandbox: request.sandbox,
          subject: inert(decoy, 80),
          detail: inert(`${tool} was called with ${path}`, 300),
          at: options.clock.now().toISOString(),
        });
        return { status: 200, body: {} };
      }
      return refuse(404, "no such route for this sandbox");
    },
  };
}

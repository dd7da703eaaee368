import type { Control } from "./broker.ts";
import type { GuestResponse } from "./egress.ts";
import type { FromGateway } from "./messages.ts";

/** The gateway process's side of its questions to CONTROL: each has a number, and an answer or a deadline. */
export type ControlLink = Control & { answered(id: number, response: GuestResponse): void };

const CONTROL_ANSWER_MS = 120_000;

export function controlLink(tell: (message: FromGateway) => void, answerMs = CONTROL_ANSWER_MS): ControlLink {
  const waiting = new Map<number, (response: GuestResponse | null) => void>();
  let asked = 0;
  return {
    tell,
    ask(request) {
      const id = asked++;
      return new Promise((resolve) => {
        const settle = (response: GuestResponse | null) => {
          clearTimeout(late);
          waiting.delete(id);
          resolve(response);
        };
        const late = setTimeout(() => settle(null), answerMs);
        waiting.set(id, settle);
        tell({ type: "request", id, request });
      });
    },
    answered(id, response) {
      waiting.get(id)?.(response);
    },
  };
}

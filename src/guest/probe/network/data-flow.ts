import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const dataFlow: Check = {
  id: "data-flow",
  category: "network",
  why: "A layer between accepts connections and answers block pages: only bytes that come through, and an answer that only the far end can give, show a way.",
  misses: "A layer that lets the first bytes pass and looks at what follows.",
  source: "melodic-software isolation probe: a connect succeeds through an interception layer; RFC 9110",
  run: (context) => seenBy(context, "data-flow", dataFlowTries),
};

export function dataFlowTries({ outside }: SimulatedInternet): Try[] {
  return [
    {
      id: "data-flow:http",
      subject: "a request and its answer, by name",
      way: "tcp",
      host: "flow.example",
      port: 80,
    },
    { id: "data-flow:raw", subject: "bytes and their answer, by address", way: "tcp", host: outside, port: 8080 },
  ];
}

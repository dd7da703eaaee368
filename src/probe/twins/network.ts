import { companion, IDLE, OF_THE_COMPANION } from "./companion.ts";
import type { Twin } from "./twin.ts";

/** What a variable or a listener can make weak; a shared namespace is beyond a spec of ours. */
export const NETWORK: readonly Twin[] = [
  {
    name: "proxy-variable",
    category: "network",
    weak: "a proxy is only asked for, by a variable",
    weaken: () => ({ env: { ALL_PROXY: "http://proxy.invalid:3128" } }),
    flips: ["proxy-environment:ALL_PROXY"],
  },
  {
    name: "loopback-server",
    category: "network",
    weak: "a server on the loopback that asks nobody who they are",
    given: () => ({ companion: IDLE }),
    open: OF_THE_COMPANION,
    weaken: () => ({ companion: companion('await listen({ host: "127.0.0.1", port: 8765 });') }),
    flips: ["loopback-listener:127.0.0.1:8765"],
  },
];

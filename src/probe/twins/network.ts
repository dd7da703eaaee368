import type { Twin } from "./twin.ts";

/** What a variable can make weak; shared namespaces and listeners are beyond a spec of ours. */
export const NETWORK: readonly Twin[] = [
  {
    name: "proxy-variable",
    category: "network",
    weak: "a proxy is only asked for, by a variable",
    weaken: () => ({ env: { ALL_PROXY: "http://proxy.invalid:3128" } }),
    flips: ["proxy-environment:ALL_PROXY"],
  },
];

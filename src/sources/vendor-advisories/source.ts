import { z } from "zod";
import { Advisory, readAdvisory } from "../advisory.ts";
import { MIB } from "../patterns.ts";
import { dataOf, defineSource, getJson } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * What the makers of agents and sandboxes publish about their own repositories
 * (https://docs.github.com/rest/security-advisories/repository-advisories). The global database leaves out those that
 * name no ecosystem, so each repository is asked by itself.
 */
const REPOSITORIES = {
  "claude-code": "anthropics/claude-code",
  codex: "openai/codex",
  containerd: "containerd/containerd",
  firecracker: "firecracker-microvm/firecracker",
  gvisor: "google/gvisor",
  kata: "kata-containers/kata-containers",
  "mcp-servers": "modelcontextprotocol/servers",
  "mcp-typescript-sdk": "modelcontextprotocol/typescript-sdk",
  moby: "moby/moby",
  runc: "opencontainers/runc",
} as const;
const PRODUCTS = Object.keys(REPOSITORIES) as (keyof typeof REPOSITORIES)[];

export const VENDOR_ADVISORIES = defineSource({
  id: "vendor-advisories",
  title: "Security advisories of agents and sandboxes, by product",
  publisher: "Anthropic, OpenAI, Docker, Google and others, through GitHub",
  kind: "api",
  terms: {
    licence: "that of each vendor; cite, do not copy",
    url: "https://docs.github.com/site-policy/github-terms/github-terms-of-service",
    attribution: null,
  },
  rules: ["github-repository-advisories"],
  params: z.strictObject({ product: z.enum(PRODUCTS) }),
  request: ({ product }) =>
    getJson(`https://api.github.com/repos/${REPOSITORIES[product]}/security-advisories`, { per_page: 50 }),
  limits: { wireBytesMax: 4 * MIB, bytesMax: 16 * MIB, timeMs: 30_000 },
  intervalMs: 2_000,
  freshness: { reuseHours: 12, staleDays: 14 },
  snapshot: SNAPSHOT,
  read: (content) => z.array(Advisory).parse(dataOf(content)).map(readAdvisory),
});

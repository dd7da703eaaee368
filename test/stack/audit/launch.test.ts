import { expect, test } from "vitest";
import { launchOf } from "../../../src/stack/audit/launch.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** The command line, and what it starts: `registry name version`, `-` for no exact version. */
test.each([
  ["npx -y @scope/pkg", "npm @scope/pkg -"],
  ["npx -y @scope/pkg@latest /dir", "npm @scope/pkg -"],
  ["npx @scope/pkg@^1.2.3", "npm @scope/pkg -"],
  ["npx pkg@1.2", "npm pkg -"],
  ["npx pkg@1.2.3", "npm pkg 1.2.3"],
  ["npx --package=pkg@1.2.3-beta.1 -- bin", "npm pkg 1.2.3-beta.1"],
  ["npx -p pkg@1.2.3 bin", "npm pkg 1.2.3"],
  ["/usr/local/bin/npx pkg", "npm pkg -"],
  ["npx.cmd pkg", "npm pkg -"],
  ["npm exec -y pkg@1.0.0", "npm pkg 1.0.0"],
  ["npm run serve", "local npm"],
  ["pnpm dlx pkg", "npm pkg -"],
  ["bunx pkg@2.0.0", "npm pkg 2.0.0"],
  ["npx ./tools/server", "local ./tools/server"],
  ["npx github:someone/repo", "git github:someone/repo -"],
  [`npx github:someone/repo#${COMMIT}`, `git github:someone/repo#${COMMIT} ${COMMIT}`],
  ["npx someone/repo", "git someone/repo -"],
  ["uvx mcp-server-git", "pypi mcp-server-git -"],
  ["uvx mcp-server-git==1.2.3 --repository x", "pypi mcp-server-git 1.2.3"],
  ["uvx mcp-server-git@latest", "pypi mcp-server-git -"],
  ["uvx --from mcp-server[x]==2026.1 tool", "pypi mcp-server[x] 2026.1"],
  ["uvx --python 3.12 pkg>=1", "pypi pkg>=1 -"],
  ["uv tool run pkg", "pypi pkg -"],
  ["uv run server.py", "local uv"],
  ["pipx run pkg==1.0", "pypi pkg 1.0"],
  ["docker run -i --rm -e A=1 -v /x:/y mcp/img:1.2 stdio", "image mcp/img:1.2 -"],
  [`docker run --rm img@${DIGEST}`, `image img@${DIGEST} ${DIGEST}`],
  ["docker compose up", "local docker"],
  ["deno run -A npm:pkg@1.2.3/server", "npm pkg 1.2.3"],
  ["deno run jsr:@scope/pkg", "jsr @scope/pkg -"],
  ["deno run server.ts", "local deno"],
  ["env A=1 B=2 npx pkg", "npm pkg -"],
  ["bash -lc npx -y pkg", "npm pkg -"],
  ["sh -c cd /x && exec npx 'pkg@1.2.3'", "npm pkg 1.2.3"],
  ["cmd /c npx pkg", "npm pkg -"],
  ["node server.mjs", "local node"],
  ["npx -y", "unknown no package is named"],
])("%s starts %s", (line, said) => {
  const [command, ...args] = line.split(" ");
  const launch = launchOf({ command, args });
  const text = {
    package: () => launch.kind === "package" && `${launch.registry} ${launch.name} ${launch.version ?? "-"}`,
    image: () => launch.kind === "image" && `image ${launch.reference} ${launch.digest ?? "-"}`,
    local: () => launch.kind === "local" && `local ${launch.program}`,
    unknown: () => launch.kind === "unknown" && `unknown ${launch.why}`,
  };
  expect(text[launch.kind]()).toBe(said);
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPathTemplate, matchesTemplate, parseTarget } from "../../src/egress/path.ts";

describe("a path is taken in one form and no other", () => {
  test.each([
    ["/", [""], []],
    ["/v1/vulns/GHSA-1", ["v1", "vulns", "GHSA-1"], []],
    ["/a/b/", ["a", "b", ""], []],
    ["/a?x=1&y[]=%2F..", ["a"], ["x", "y[]"]],
    ["/a%20b/%C3%A9", ["a%20b", "%C3%A9"], []],
  ])("%s is taken", (raw, segments, queryKeys) => {
    expect(parseTarget(raw)).toMatchObject({ status: "ok", segments, queryKeys });
  });

  test.each([
    [undefined, "path-missing"],
    ["", "path-missing"],
    ["*", "path-missing"],
    ["http://a.example/x", "path-missing"],
    [`/${"a".repeat(5_000)}`, "path-too-long"],
    ["/a b", "path-character"],
    ["/a\0", "path-character"],
    ["/é", "path-character"],
    ["/a\\..\\b", "path-backslash"],
    ["/a#b", "path-fragment"],
    ["/a/..;/b", "path-parameter"],
    ["/a;x=1", "path-parameter"],
    ["/a%3bx", "path-parameter"],
    ["/a%", "path-bad-escape"],
    ["/a%2", "path-bad-escape"],
    ["/a%zz", "path-bad-escape"],
    ["/a?x=%g0", "path-bad-escape"],
    ["/a%00b", "path-control-escape"],
    ["/a?x=%0d%0a", "path-control-escape"],
    ["/a%7f", "path-control-escape"],
    ["/a%2fb", "path-slash-escape"],
    ["/a%2Fb", "path-slash-escape"],
    ["/a%5cb", "path-slash-escape"],
    ["/%2e%2e/b", "path-dot-escape"],
    ["/a/.%2E/b", "path-dot-escape"],
    ["/a%252fb", "path-double-escape"],
    ["/a/../b", "path-dot-segment"],
    ["/a/./b", "path-dot-segment"],
    ["/a/..", "path-dot-segment"],
    ["/..", "path-dot-segment"],
    ["//evil.example/x", "path-empty-segment"],
    ["/a//b", "path-empty-segment"],
    ["/a?=1", "query-key"],
    ["/a?x&&y", "query-key"],
    ["/a?x%41=1", "query-key"],
  ])("%j is refused: %s", (raw, reason) => {
    expect(parseTarget(raw)).toEqual({ status: "refused", reason });
  });
});

describe("a template", () => {
  test.each([
    ["/", true],
    ["/a/{id}/b", true],
    ["/a/**", true],
    ["/**", true],
    ["/a/", true],
    ["a", false],
    ["", false],
    ["/a/**/b", false],
    ["/a/{id", false],
    ["/a/x{id}", false],
    ["/a/*", false],
    ["/a//b", false],
    ["/a/..", false],
    ["/a/%2f", false],
    ["/a?x", false],
  ])("%s is well formed: %s", (template, isWell) => {
    expect(isPathTemplate(template)).toBe(isWell);
  });

  test.each([
    ["/a/b", "/a/b", true],
    ["/a/B", "/a/b", false],
    ["/a/b/", "/a/b", false],
    ["/a/b", "/a/b/", false],
    ["/a", "/a/b", false],
    ["/a/b/c", "/a/b", false],
    ["/v/7", "/v/{id}", true],
    ["/v/", "/v/{id}", false],
    ["/v", "/v/{id}", false],
    ["/v/7/8", "/v/{id}", false],
    ["/v/7/x", "/v/{id}/x", true],
    ["/a/b", "/a/**", true],
    ["/a/b/c/d", "/a/**", true],
    ["/a", "/a/**", false],
    ["/a/", "/a/**", false],
    ["/b/a", "/a/**", false],
    ["/ab/c", "/a/**", false],
    ["/", "/", true],
    ["/", "/**", false],
    ["/x", "/**", true],
  ])("%s against %s: %s", (path, template, isMatched) => {
    const target = parseTarget(path);
    if (target.status === "refused") throw new Error(target.reason);
    expect(matchesTemplate(target.segments, template)).toBe(isMatched);
  });
});

test("what is below a template stays below it, however the path is read (2,000 cases)", () => {
  const piece = fc.constantFrom("a", "b", "..", ".", "%2e", "%2F", "%252f", "\\", ";", "", "x", "//", "%00", "#");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom("/", ""), (pieces, glue) => {
      const target = parseTarget(`/a/${pieces.join(glue)}`);
      if (target.status === "refused" || !matchesTemplate(target.segments, "/a/**")) return;
      const read = new URL(`http://h.example${target.path}`).pathname;
      const decoded = decodeURIComponent(target.path);
      expect(read.startsWith("/a/")).toBe(true);
      expect(new URL(`http://h.example${decoded}`).pathname.startsWith("/a/")).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

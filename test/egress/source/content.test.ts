import { array, assert, constantFrom, oneof, property, stringMatching } from "fast-check";
import { describe, expect, test } from "vitest";
import { contentOf, Unreadable } from "../../../src/egress/source/content.ts";
import { nothingRemoved, visible } from "../../../src/egress/source/invisible.ts";

function page(html: string) {
  const { content, removed } = contentOf("text/html", Buffer.from(html));
  if (content.kind !== "page") throw new Error("no page");
  return { ...content, removed };
}

/** Everything that a page can hide from its reader and show to a model, and next to it what a reader sees. */
const GOLDEN_HTML = `<!doctype html><html><head><title>An\u200b advisory</title>
<meta name="description" content="obey me"><style>.x{color:red}</style><script>obey()</script></head>
<body><header><h1>Advisory</h1></header>
<!-- obey the comment -->
<p>The fault is in   version&nbsp;1.<br>It is fixed in <b>1.1</b>.</p>
<p hidden>obey hidden</p>
<div aria-hidden="true">obey aria<span hidden>twice</span></div>
<p style="display : none">obey display</p>
<p style="VISIBILITY:hidden">obey visibility</p>
<p style="color:red;font-size:0px">obey size</p>
<p style="opacity:0.0">obey opacity</p>
<p style="position:absolute;left:-9999px">obey offside</p>
<p style="display:/**/none">obey comment in style</p>
<p style="opacity:0.9;font-size:10px">seen</p>
<template>obey template</template><noscript>obey noscript</noscript><svg><text>obey svg</text></svg>
<iframe srcdoc="obey">obey frame</iframe><input type="hidden" value="obey">
<table><tr><td>left</td><td>right</td></tr></table>
<p>ad\u00admin \u202eresu\u202c \u{e0041}\u{e0042}end\ufe0f</p>
</body></html>`;

describe("a page", () => {
  test("is what its reader sees, and what was hidden is counted", () => {
    expect(page(GOLDEN_HTML)).toEqual({
      kind: "page",
      title: "An advisory",
      text: [
        "Advisory",
        "The fault is in version 1.",
        "It is fixed in 1.1.",
        "seen",
        "left",
        "right",
        "admin resu end",
      ].join("\n"),
      removed: { scripts: 6, hidden: 9, comments: 1, zeroWidth: 3, bidi: 2, tags: 2, controls: 0 },
    });
  });

  test("of nothing but hidden text is empty, and a page of plain text loses nothing", () => {
    expect(page("<p hidden>x</p>")).toMatchObject({ text: "", removed: { hidden: 1 } });
    expect(page("<p>1 &lt; 2 &amp; 3</p>")).toMatchObject({ text: "1 < 2 & 3", removed: nothingRemoved() });
  });

  test("that nests without end is read to a bound", () => {
    expect(() => page("<div>".repeat(20_000))).not.toThrow();
  });
});

describe("values", () => {
  test("keep their shape, with every string and key cleaned", () => {
    const raw = { "k\u200b": ["a\u202eb", 1, null, true, { deep: "x<!-- obey -->y" }] };
    const { content, removed } = contentOf("application/json", Buffer.from(JSON.stringify(raw)));
    expect(content).toEqual({ kind: "data", value: { k: ["ab", 1, null, true, { deep: "xy" }] } });
    expect(removed).toEqual({ ...nothingRemoved(), zeroWidth: 1, bidi: 1, comments: 1 });
  });

  test("of YAML are read, and of JSON that came as plain text", () => {
    expect(contentOf("text/plain", Buffer.from("a: 2023-10-25\nb: [x]")).content).toEqual({
      kind: "data",
      value: { a: "2023-10-25", b: ["x"] },
    });
    expect(contentOf("text/plain", Buffer.from(' {"a":1}')).content).toEqual({ kind: "data", value: { a: 1 } });
  });

  test.each([
    ["that nest too deeply", "application/json", `${"[".repeat(100)}${"]".repeat(100)}`],
    ["that are no JSON", "application/json", "{"],
    ["that are no UTF-8", "application/json", Buffer.from([0x22, 0xff, 0x22])],
    ["in a type that nothing reads", "application/pdf", "%PDF"],
    ["in YAML that is none", "application/yaml", "a: [\nb: }"],
  ])("%s are unreadable", (_, mediaType, bytes) => {
    expect(() => contentOf(mediaType, Buffer.from(bytes as string))).toThrow(Unreadable);
  });

  test("whose aliases unfold without end are not unfolded", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 9; i++)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(", ")}]`);
    expect(() => contentOf("application/yaml", Buffer.from(lines.join("\n")))).toThrow(/alias/i);
  });
});

describe("XML", () => {
  test("is a tree, without comments, and its entities of its own making stay what they are", () => {
    const xml = `<?xml version="1.0"?><!DOCTYPE f [<!ENTITY e SYSTEM "file:///etc/passwd">]>
      <f a="x\u200b"><!-- obey --><t>one &amp; two</t><t><![CDATA[<b>]]></t><t>&e;</t></f>`;
    const { content, removed } = contentOf("application/atom+xml", Buffer.from(xml));
    expect(content).toMatchObject({
      kind: "xml",
      root: {
        name: "f",
        attributes: { a: "x" },
        children: [{ text: "one & two" }, { text: "<b>" }, { text: "&e;" }],
      },
    });
    expect(removed).toEqual({ ...nothingRemoved(), zeroWidth: 1, comments: 1 });
  });
});

test("nothing invisible survives, whatever it is put between, and visible text does", () => {
  const invisible = constantFrom(
    "\u200b",
    "\u202e",
    "\u2066",
    "\u{e0061}",
    "\u{e0100}",
    "\ufe01",
    "\u0000",
    "\u001b",
    "\ufeff",
    "\u3164",
    "\ue000",
  );
  const word = stringMatching(/^[a-z]{1,8}$/);
  assert(
    property(array(oneof(invisible, word)), (parts) => {
      const words = parts.filter((part) => /^[a-z]/.test(part));
      const removed = nothingRemoved();
      expect(visible(parts.join(""), removed)).toBe(words.join(""));
      expect(Object.values(removed).reduce((a, b) => a + b, 0)).toBe(parts.length - words.length);
    }),
  );
  expect(visible("Grüße, 世界, Ελλάδα\tand\nmore", nothingRemoved())).toBe("Grüße, 世界, Ελλάδα\tand\nmore");
});

import { count } from "../base/text.ts";
import { type Html, h, list, nothing } from "./html.ts";
import { doubts, notRun, type Report } from "./report.ts";
import { withTask } from "./task.ts";

/** What fits on the first screen: did it run, can it be trusted, what is new, what is there to do. */
export function frontPage(report: Report): Html {
  const open = doubts(report);
  return h`<header><p class="soft small">weakdoor ${report.weakdoor.version} · cycle <code>${report.cycle}</code> · ${moment(report.startedAt)} to ${moment(report.endedAt)}</p>
<h1>What the sandbox of ${report.stack.name} lets through</h1>
<div class="answers">${didItRun(report)}${canItBeTrusted(open)}${whatIsNew(report)}${whatToDo(report)}</div>
${open.length === 0 ? nothing : h`<h2 id="doubts">Read this first</h2>${list(open.map((doubt) => h`<span class="bad">Doubt:</span> ${doubt}`))}`}
<nav class="small">${SECTIONS.map(([id, name]) => h`<a href="#${id}">${name}</a> `)}</nav></header>`;
}

const SECTIONS = [
  ["findings", "Findings"],
  ["trust", "Trust"],
  ["boundary", "Boundary"],
  ["since", "Since last time"],
  ["coverage", "Coverage"],
  ["conduct", "Conduct"],
  ["clone", "Clone"],
  ["end", "Certificates"],
  ["check", "Check this report"],
] as const;

type Mood = "good" | "bad" | "calm";

function answer(question: string, mood: Mood, short: string, long: Html): Html {
  return h`<section class="answer is-${mood}"><h2>${question}</h2><p class="short">${short}</p><p>${long}</p></section>`;
}

function didItRun(report: Report): Html {
  const missing = notRun(report).length;
  const ran = report.coverage.length - missing;
  const seconds = (report.timings.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(1);
  const long =
    missing === 0
      ? h`${count(ran, "check")} ran to the end, in ${seconds} s.`
      : h`${count(ran, "check")} ran, in ${seconds} s. <a href="#coverage">${missing} did not, or not fully</a>.`;
  if (ran === 0) return answer("Did it run?", "bad", "No", long);
  return answer("Did it run?", missing === 0 ? "good" : "calm", missing === 0 ? "Yes" : "In part", long);
}

function canItBeTrusted(open: readonly string[]): Html {
  const question = "Can it be trusted?";
  if (open.length > 0)
    return answer(question, "bad", count(open.length, "doubt"), h`<a href="#doubts">Read them first</a>.`);
  const why = h`Every trap caught, every alarm was read back, every sandbox is certified destroyed. <a href="#trust">How</a>.`;
  return answer(question, "good", "No doubt", why);
}

function whatIsNew({ delta, findings }: Report): Html {
  const rest = [
    delta.regressed.length > 0 ? `${delta.regressed.length} came back` : "",
    delta.resolved.length > 0 ? `${delta.resolved.length} resolved` : "",
    delta.blind.length > 0 ? `${delta.blind.length} not looked at` : "",
    delta.unchanged.length > 0 ? `${delta.unchanged.length} as before` : "",
  ].filter((part) => part !== "");
  const of = h`${count(findings.length, "finding")} in all${rest.map((part) => `, ${part}`)}.`;
  return answer("What is new?", delta.regressed.length === 0 ? "calm" : "bad", `${delta.new.length} new`, of);
}

function whatToDo(report: Report): Html {
  const decide = withTask(report, "decide");
  const byHand = withTask(report, "by-hand");
  const apply = withTask(report, "apply");
  const parts = [
    decide.length > 0 ? `decide on ${count(decide.length, "proved mitigation")}` : "",
    apply.length > 0 ? `apply ${apply.length} that ${apply.length === 1 ? "was" : "were"} approved` : "",
    byHand.length > 0 ? `change ${count(byHand.length, "thing")} by hand` : "",
  ].filter((part) => part !== "");
  const question = "What is there to do?";
  const todo = decide.length + byHand.length + apply.length;
  if (todo === 0) return answer(question, "good", "Nothing", h`No finding is waiting for anyone.`);
  const worst = withTask(report, "decide", "by-hand", "apply")[0];
  const first = worst === undefined ? nothing : h` The worst is ${worst.severity}.`;
  const [head = "", ...others] = parts;
  const sentence = [head.charAt(0).toUpperCase() + head.slice(1), ...others].join(", ");
  return answer(question, "calm", count(todo, "finding"), h`<a href="#findings">${sentence}</a>.${first}`);
}

/** `2026-11-21 04:28:39 UTC`; anything else as it is. */
export function moment(iso: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z$/.exec(iso);
  return match === null ? iso : `${match[1]} ${match[2]} UTC`;
}

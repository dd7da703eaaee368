import type { Parts } from "./parts.ts";
import type { Step } from "./step.ts";
import type { Written } from "./write.ts";

/**
 * One cycle, and nothing more: what each step needs, what it hands on. Leaving the scope, however it is left, ends the
 * sandboxes and the gateway. The report comes after the destruction, because it carries the certificates.
 */
export async function runCycle(parts: Parts, step: Step): Promise<Written> {
  const stack = await step("snapshot", () => parts.snapshot());
  await using clone = await step("clone", () => parts.clone());
  await using gateway = await step("gateway", () => parts.gateway(clone));
  await using lab = await step("lab", () => parts.lab(clone, gateway));
  const preflight = await step("preflight", () => parts.preflight(clone, gateway, lab));
  await using target = await step("target", () => parts.target(clone, gateway));
  const access = await step("measure", () => parts.measure(target, lab, gateway));
  const measured = await step("tools", () => parts.tools(stack, gateway, access));
  const drills = await step("drill", () => parts.drill(clone, target, gateway));
  const audit = await step("audit", () => parts.audit(clone, stack));
  const research = await step("research", () => parts.research(lab, measured, audit));
  const again = await step("measure again", () => parts.measureAgain(target, measured));
  const judged = await step("findings", () => parts.findings(research, measured, audit));
  const mitigated = await step("mitigate", () => parts.mitigate(judged, clone, gateway));
  const settled = await step("settle", () => parts.settle(judged, mitigated));
  const certificates = await step("destroy", () => parts.destroy({ target, lab, gateway, clone }));
  return step("report", () =>
    parts.report({
      stack,
      clone,
      gateway,
      target,
      lab,
      preflight,
      measured,
      drills,
      audit,
      research,
      again,
      judged,
      mitigated,
      settled,
      certificates,
    }),
  );
}

import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/yaml",
  body: `id: ATLAS
name: Adversarial Threat Landscape for AI Systems
version: excerpt
matrices:
- id: ATLAS
  name: ATLAS Matrix
  tactics:
  - id: AML.TA0012
    name: Privilege Escalation
    object-type: tactic
  techniques:
  - id: AML.T0051
    name: LLM Prompt Injection
    description: Text that reaches a model as data and is written to act as an instruction, directly by a user or indirectly through a document, a page or a tool's answer.
    object-type: technique
    tactics:
    - AML.TA0005
    created_date: 2023-10-25
  - id: AML.T0105
    name: Escape to Host
    description: Leaving the sandbox in which an AI system or its agent runs for the machine below it.
    object-type: technique
    ATT&CK-reference:
      id: T1611
      url: https://attack.mitre.org/techniques/T1611/
    tactics:
    - AML.TA0012
`,
};

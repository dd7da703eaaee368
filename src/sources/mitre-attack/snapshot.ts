import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/json",
  body: `{ "type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [
  { "type": "attack-pattern", "spec_version": "2.1", "name": "Escape to Host", "created": "2021-03-30T17:38:34.277Z",
    "description": "Leaving a container or a virtual machine for the machine below it, for example over a mounted host directory, an engine's socket or a kernel interface that the sandbox should not have.",
    "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "privilege-escalation" }], "x_mitre_platforms": ["Windows", "Linux", "Containers", "ESXi"],
    "external_references": [{ "source_name": "mitre-attack", "external_id": "T1611", "url": "https://attack.mitre.org/techniques/T1611" }] },
  { "type": "attack-pattern", "spec_version": "2.1", "name": "Credentials In Files", "created": "2020-02-04T12:52:13.006Z",
    "description": "Looking for credentials in files that are left lying in a file system, in backups or in images of containers.",
    "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "credential-access" }], "x_mitre_platforms": ["Windows", "IaaS", "Linux", "macOS", "Containers"],
    "external_references": [{ "source_name": "mitre-attack", "external_id": "T1552.001", "url": "https://attack.mitre.org/techniques/T1552/001" }] }
] }`,
};

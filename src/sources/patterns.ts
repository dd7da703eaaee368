import { z } from "zod";

/** What parameters may look like. Ids are ids and nothing else; words are few, short and of plain letters. */
export const CveId = z.string().regex(/^CVE-\d{4}-\d{4,7}$/, "a CVE id as in CVE-2024-21626");
export const GhsaId = z.string().regex(/^GHSA(-[23456789cfghjmpqrvwx]{4}){3}$/, "an id as in GHSA-xr7r-f8xq-vfvv");
export const Words = z
  .string()
  .regex(/^[A-Za-z0-9]+(?:[ .-][A-Za-z0-9]+){0,5}$/, "one to six plain words")
  .max(60);
/** ATT&CK and ATLAS. */
export const AttackTechnique = z.string().regex(/^T\d{4}(\.\d{3})?$/, "a technique as in T1611");
export const AtlasTechnique = z.string().regex(/^AML\.T\d{4}(\.\d{3})?$/, "a technique as in AML.T0051");
/** Of a package, in any ecosystem. */
export const PackageName = z
  .string()
  .max(120)
  .regex(/^[@A-Za-z0-9][A-Za-z0-9._/-]*$/, "a package name");
export const PackageVersion = z
  .string()
  .max(40)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/, "a version");
export const ECOSYSTEMS = ["npm", "PyPI", "Go", "crates.io", "Maven", "RubyGems", "NuGet", "Debian"] as const;

export const KIB = 1024;
export const MIB = 1024 * KIB;

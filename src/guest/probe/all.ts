import { abstractSocket } from "./cross-boundary/abstract-socket.ts";
import { desktopSocket } from "./cross-boundary/desktop-socket.ts";
import { engineEndpoint } from "./cross-boundary/engine-endpoint.ts";
import { engineSocket } from "./cross-boundary/engine-socket.ts";
import { hostIpc, hostUts } from "./cross-boundary/host-namespaces.ts";
import { unixSocket } from "./cross-boundary/unix-socket.ts";
import { workspaceLink } from "./cross-boundary/workspace-link.ts";
import { cgroupControl } from "./filesystem/cgroup-control.ts";
import { deviceNode } from "./filesystem/device-node.ts";
import { foreignRoot } from "./filesystem/foreign-root.ts";
import { hostMount } from "./filesystem/host-mount.ts";
import { hostPathLeak } from "./filesystem/host-path-leak.ts";
import { inheritedDescriptor } from "./filesystem/inherited-descriptor.ts";
import { kernelControlFile } from "./filesystem/kernel-control-file.ts";
import { lxcfsMount } from "./filesystem/lxcfs-mount.ts";
import { mount } from "./filesystem/mount.ts";
import { mountPropagation } from "./filesystem/mount-propagation.ts";
import { procfsMasking } from "./filesystem/procfs-masking.ts";
import { rootFilesystem } from "./filesystem/root-filesystem.ts";
import { scratchSpace } from "./filesystem/scratch-space.ts";
import { sensitiveFile } from "./filesystem/sensitive-file.ts";
import { setIdProgram } from "./filesystem/set-id-program.ts";
import { systemDirectory } from "./filesystem/system-directory.ts";
import { writeAndExecute } from "./filesystem/write-and-execute.ts";
import { gitEnvironment } from "./memory/git-environment.ts";
import { gitProgram, gitSettings } from "./memory/git-settings.ts";
import { memoryStore } from "./memory/memory-store.ts";
import { persistencePath } from "./memory/persistence-path.ts";
import { trustFile, trustFileCreatable } from "./memory/trust-file.ts";
import { trustFileChanged } from "./memory/trust-file-changed.ts";
import { addressForm } from "./network/address-form.ts";
import { dataFlow } from "./network/data-flow.ts";
import { dnsChannel } from "./network/dns-channel.ts";
import { dnsResolution } from "./network/dns-resolution.ts";
import { egressMap } from "./network/egress-map.ts";
import { hostGateway } from "./network/host-gateway.ts";
import { hostNetworkNamespace } from "./network/host-network-namespace.ts";
import { kubernetesApi } from "./network/kubernetes-api.ts";
import { loopbackListener } from "./network/loopback-listener.ts";
import { metadataResponder } from "./network/metadata-responder.ts";
import { neighbour } from "./network/neighbour.ts";
import { networkInterface } from "./network/network-interface.ts";
import { networkRoute } from "./network/network-route.ts";
import { outboundOther } from "./network/outbound-other.ts";
import { outboundTcp } from "./network/outbound-tcp.ts";
import { proxyEnvironment } from "./network/proxy-environment.ts";
import { proxyIgnored } from "./network/proxy-ignored.ts";
import { relay } from "./network/relay.ts";
import type { Check } from "./probe.ts";
import { addressRandomisation } from "./process/address-randomisation.ts";
import { capability, runtimeDefault } from "./process/capability.ts";
import { dangerousSyscall } from "./process/dangerous-syscall.ts";
import { executableMemory } from "./process/executable-memory.ts";
import { foreignSignal } from "./process/foreign-signal.ts";
import { hostProcesses } from "./process/host-processes.ts";
import { kernelRange } from "./process/kernel-range.ts";
import { kernelSysctl } from "./process/kernel-sysctl.ts";
import { lsm } from "./process/lsm.ts";
import { namespace } from "./process/namespace.ts";
import { noNewPrivs } from "./process/no-new-privs.ts";
import { program } from "./process/program.ts";
import { ptraceScope } from "./process/ptrace-scope.ts";
import { resourceLimit } from "./process/resource-limit.ts";
import { rootGroup } from "./process/root-group.ts";
import { runtimeName } from "./process/runtime-name.ts";
import { socketFamily } from "./process/socket-family.ts";
import { syscallBoundary } from "./process/syscall-boundary.ts";
import { terminal } from "./process/terminal.ts";
import { userIdentity } from "./process/user-identity.ts";
import { userNamespace } from "./process/user-namespace.ts";
import { visibleProcess } from "./process/visible-process.ts";
import { agentSocket } from "./secrets/agent-socket.ts";
import { commandLineSecret } from "./secrets/command-line-secret.ts";
import { agentCredentialFile, cloudCredentialFile, credentialFile } from "./secrets/credential-files.ts";
import { envSecret } from "./secrets/env-secret.ts";
import { foreignEnviron } from "./secrets/foreign-environ.ts";
import { kernelKeyring } from "./secrets/kernel-keyring.ts";
import { serviceAccountToken } from "./secrets/service-account-token.ts";

/** Every check, in the order in which they run. Descriptors and listeners come first, before any other check has opened one. */
export const CHECKS: readonly Check[] = [
  inheritedDescriptor,
  loopbackListener,
  syscallBoundary,
  runtimeName,
  userIdentity,
  rootGroup,
  capability,
  runtimeDefault,
  noNewPrivs,
  lsm,
  namespace,
  userNamespace,
  hostProcesses,
  visibleProcess,
  foreignSignal,
  ptraceScope,
  socketFamily,
  dangerousSyscall,
  kernelSysctl,
  addressRandomisation,
  executableMemory,
  kernelRange,
  resourceLimit,
  program,
  terminal,
  mount,
  hostMount,
  hostPathLeak,
  mountPropagation,
  rootFilesystem,
  systemDirectory,
  sensitiveFile,
  deviceNode,
  procfsMasking,
  kernelControlFile,
  cgroupControl,
  foreignRoot,
  lxcfsMount,
  scratchSpace,
  setIdProgram,
  writeAndExecute,
  cloudCredentialFile,
  agentCredentialFile,
  credentialFile,
  serviceAccountToken,
  envSecret,
  foreignEnviron,
  commandLineSecret,
  agentSocket,
  kernelKeyring,
  networkInterface,
  networkRoute,
  hostNetworkNamespace,
  proxyEnvironment,
  abstractSocket,
  hostIpc,
  hostUts,
  engineSocket,
  unixSocket,
  desktopSocket,
  dnsResolution,
  dnsChannel,
  outboundTcp,
  dataFlow,
  outboundOther,
  addressForm,
  proxyIgnored,
  metadataResponder,
  hostGateway,
  engineEndpoint,
  neighbour,
  kubernetesApi,
  egressMap,
  relay,
  workspaceLink,
  trustFile,
  trustFileCreatable,
  trustFileChanged,
  persistencePath,
  memoryStore,
  gitEnvironment,
  gitSettings,
  gitProgram,
];

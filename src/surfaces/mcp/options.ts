// What the MCP endpoint needs from the server.
import type { Caller } from '../../auth/authenticate.ts'
import type { AgentRunOptions } from '../../compat/agent-run.ts'
import type { Runs } from '../../core/runs.ts'
import type { SessionFiles } from '../../core/sessions.ts'
import type { ReaderLimits } from '../../http/reader-limits.ts'
import type { Clock } from '../../platform/clock.ts'

export type McpOptions = AgentRunOptions & {
  runs: Runs
  readers: ReaderLimits
  files: Pick<SessionFiles, 'list'>
  clock: Clock
  /** How long a person may take to answer, in milliseconds. */
  approvalTimeoutMs: number
  /** Of this program. */
  version: string
  /** Real paths of the folders that a caller may use; null allows any. */
  cwdRoots(caller: Caller): readonly string[] | null
}

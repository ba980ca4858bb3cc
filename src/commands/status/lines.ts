// The result of `claude-serve status`, as lines for people and as JSON. Pure.

import { installation } from '../../platform/installation.ts'
import type { ServerAddress } from '../../platform/server-address.ts'
import type { HealthReply } from '../../surfaces/native/server-schemas.ts'
import { asFacts } from '../table.ts'
import { showSpan } from '../terminal-text.ts'

export type Status = {
  url: string
  /** The address record that the server of the data folder wrote; null for a server that was specified by its address. */
  own: (ServerAddress & { dataDir: string }) | null
  /** Null if the server could not be queried: `problem` says why. */
  health: HealthReply | null
  problem: string | null
  /** False for a process that exists but does not answer. */
  answers: boolean
  nowMs: number
}

const upMs = ({ own, health, nowMs }: Status) =>
  health !== null ? health.uptime_s * 1000 : own === null ? null : nowMs - Date.parse(own.startedAt)

export function statusAsJson(status: Status) {
  const { url, own, health, problem, answers } = status
  const up = upMs(status)
  return {
    running: answers,
    url,
    version: health?.version ?? own?.version ?? null,
    pid: own?.pid ?? null,
    started_at: own?.startedAt ?? null,
    uptime_s: up === null ? null : Math.round(up / 100) / 10,
    data_dir: own?.dataDir ?? null,
    health,
    problem,
  }
}

/** The first line is the result, the others are details. */
export function statusAsLines(status: Status): string[] {
  const { url, own, health, answers } = status
  const up = upMs(status)
  const version = health?.version ?? own?.version
  const name = version === undefined ? 'a server' : `claude-serve ${version}`
  const facts: [string, string | null][] = [
    ['process', own === null ? null : String(own.pid)],
    ['up for', up === null ? null : showSpan(up)],
    ['data', own?.dataDir ?? null],
    ...(health === null ? [] : healthFacts(health)),
  ]
  return asFacts(`${name} ${answers ? 'is running at' : 'does not answer at'} ${url}`, facts)
}

function healthFacts({
  claude_version,
  claude_path,
  claude_warnings = [],
  processes,
  queue,
  demo,
  ...login
}: HealthReply): [string, string][] {
  const { live, max, busy, idle, spare, starting } = processes
  return [
    ['claude', `${claude_version} at ${claude_path}`],
    ...claude_warnings.map(({ message }): [string, string] => ['warning', message]),
    ['login', demo ? 'not needed: this is the demo' : loginFact(login)],
    ['processes', `${live} of ${max}: ${busy} busy, ${idle} idle, ${spare} spare, ${starting} starting`],
    ['queue', `${queue.waiting} of ${queue.limit} waiting`],
  ]
}

/** A server of another version does not report its `command`. */
function loginFact({
  logged_in,
  auth_method,
  command,
}: Pick<HealthReply, 'logged_in' | 'auth_method'> & Partial<Pick<HealthReply, 'command'>>): string {
  if (logged_in === null) return 'not known yet'
  return logged_in
    ? `logged in (${auth_method ?? 'unknown method'})`
    : `not logged in: run ${command ?? installation().call} login`
}

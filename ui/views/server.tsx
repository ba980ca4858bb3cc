// How the server is: Claude, its login, processes, queue; the models; where the API is described.
import type { HealthReply } from '../../src/surfaces/native/schemas.ts'
import { currentKey, keepKey, needsKey } from '../lib/api.ts'
import { toCurl } from '../lib/curl.ts'
import { duration } from '../lib/format.ts'
import { useLoad } from '../lib/use-load.ts'
import { useModels } from '../lib/use-models.ts'
import { CopyButton } from '../parts/copy-button.tsx'
import { Fault } from '../parts/fault.tsx'

const lookEveryMs = 2_000

export function Server() {
  const health = useLoad<HealthReply>('/v1/health', lookEveryMs)
  const models = useModels()
  return (
    <>
      <h1>Server</h1>
      <Fault fault={health.fault.value} />
      {health.data.value === null ? null : <Facts health={health.data.value} />}
      <h2>Models</h2>
      <Fault fault={models.fault.value} />
      <ul class="models">
        {models.names.value.map((name) => (
          <li key={name}>
            <code>{name}</code>
          </li>
        ))}
      </ul>
      <p>
        As the OpenAI and Anthropic faces name them: plain, and with <code>agent/</code> Claude Code with all its tools.
      </p>
      <h2>API</h2>
      <p>
        <a href="/docs">Every route and field</a>, also as <a href="/openapi.json">openapi.json</a>.
      </p>
      <p class="line">
        <code>{toCurl('/v1/health')}</code>
        <CopyButton text={() => toCurl('/v1/health')} label="Copy" />
      </p>
      {currentKey() === null ? null : (
        <p>
          <button
            type="button"
            onClick={() => {
              keepKey(null)
              needsKey.value = true
            }}
          >
            Forget the API key
          </button>
        </p>
      )}
    </>
  )
}

function Facts({ health }: { health: HealthReply }) {
  const { processes, queue } = health
  const login =
    health.logged_in === null
      ? 'not known yet'
      : health.logged_in
        ? `yes (${health.auth_method ?? 'unknown method'})`
        : 'no: run claude once in a terminal and log in'
  const rows: [string, string][] = [
    ['claude-serve', `${health.version}, up for ${duration(health.uptime_s)}${health.demo ? ', demo' : ''}`],
    ['Claude Code', `${health.claude_version}, at ${health.claude_path}`],
    ['Logged in', login],
    [
      'Processes',
      `${processes.live} of ${processes.max}: ${processes.busy} busy, ${processes.idle} idle, ${processes.spare} spare, ${processes.starting} starting`,
    ],
    ['Queue', `${queue.waiting} of ${queue.limit} waiting`],
  ]
  return (
    <>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <meter aria-label="Live processes" min={0} max={processes.max} value={processes.live} />
    </>
  )
}

// The state of the server: Claude Code, login, processes and queue; the models; links to the API reference.
import type { HealthReply } from '../../src/surfaces/native/server-schemas.ts'
import { currentKey, needsKey, saveKey } from '../lib/api.ts'
import { toCurl } from '../lib/curl.ts'
import { duration } from '../lib/format.ts'
import { useLoad } from '../lib/use-load.ts'
import { useModels } from '../lib/use-models.ts'
import { CopyButton } from '../parts/copy-button.tsx'
import { ErrorNotice } from '../parts/error-notice.tsx'

const refreshEveryMs = 2_000

export function Server() {
  const health = useLoad<HealthReply>('/v1/health', refreshEveryMs)
  const models = useModels()
  return (
    <>
      <h1>Server</h1>
      <ErrorNotice error={health.error.value} />
      {health.data.value === null ? null : <Facts health={health.data.value} />}
      <h2>Models</h2>
      <ErrorNotice error={models.error.value} />
      <ul class="models">
        {models.names.value.map((name) => (
          <li key={name}>
            <code>{name}</code>
          </li>
        ))}
      </ul>
      <p>
        Names for the OpenAI, Anthropic and Ollama APIs. A name alone is the plain model; with <code>agent/</code> it is
        Claude Code with all its tools.
      </p>
      <h2>API</h2>
      <p>
        <a href="/docs">API reference</a> with every route and field, also available as{' '}
        <a href="/openapi.json">openapi.json</a>.
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
              saveKey(null)
              needsKey.value = true
            }}
          >
            Remove API key
          </button>
        </p>
      )}
    </>
  )
}

function Facts({ health }: { health: HealthReply }) {
  const { processes, queue } = health
  const login = health.demo
    ? 'not needed: this is the demo'
    : health.logged_in === null
      ? 'not known yet'
      : health.logged_in
        ? `yes (${health.auth_method ?? 'unknown method'})`
        : `no: run ${health.command} login in a terminal`
  const warnings = health.claude_warnings.map(({ message }) => message).join('; ')
  const rows: [string, string][] = [
    ['claude-serve', `${health.version}, up for ${duration(health.uptime_s)}${health.demo ? ', demo' : ''}`],
    ['Claude Code', `${health.claude_version}, at ${health.claude_path}`],
    ...(warnings === '' ? [] : [['Warnings', warnings] satisfies [string, string]]),
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

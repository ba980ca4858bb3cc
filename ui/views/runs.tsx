// The list of runs, and a single run with all its events.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import type { RunList, RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { type ApiError, call, query, toApiError } from '../lib/api.ts'
import { Conversation, isActive } from '../lib/conversation.ts'
import { toCurl } from '../lib/curl.ts'
import { money, seconds, time } from '../lib/format.ts'
import { hrefOf } from '../lib/router.ts'
import { useList } from '../lib/use-list.tsx'
import { useLoad } from '../lib/use-load.ts'
import { CopyButton } from '../parts/copy-button.tsx'
import { ErrorNotice } from '../parts/error-notice.tsx'
import { Transcript } from '../parts/transcript.tsx'

const refreshEveryMs = 2_000
const statuses = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']

export function Runs() {
  const status = useSignal('')
  const path = `/v1/runs${query({ status: status.value, limit: 50 })}`
  const { items, error, more, reload } = useList<RunList, RunReply>(path, refreshEveryMs, {
    read: ({ runs }) => runs,
    idOf: ({ id }) => id,
  })
  return (
    <>
      <h1>Runs</h1>
      <label class="line">
        Status
        <select value={status.value} onInput={({ currentTarget }) => (status.value = currentTarget.value)}>
          <option value="">any</option>
          {statuses.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <ErrorNotice error={error} />
      {items?.length === 0 ? (
        <p class="empty">
          {status.value === '' ? 'No runs yet.' : `No ${status.value} runs.`} Requests from any program to this server
          appear here for a week.
        </p>
      ) : null}
      <ul class="list">
        {items?.map((run) => (
          <Row key={run.id} run={run} onChange={reload} />
        ))}
      </ul>
      {more}
    </>
  )
}

function Row({ run, onChange }: { run: RunReply; onChange(): Promise<void> }) {
  return (
    <li>
      <a class="title" href={hrefOf('runs', run.id)}>
        {run.metadata.prompt ?? run.result?.slice(0, 200) ?? run.id}
      </a>
      <Facts run={run} />
      <Buttons run={run} onChange={onChange} />
    </li>
  )
}

function Facts({ run }: { run: RunReply }) {
  const facts = [
    time(run.created_at),
    run.surface,
    run.model ?? '',
    run.duration_ms === null ? '' : seconds(run.duration_ms),
    run.cost_usd === null ? '' : money(run.cost_usd),
  ]
  return (
    <p class="facts">
      <b class={`status ${run.status}`}>{run.status}</b> {facts.filter((fact) => fact !== '').join(' · ')}
      {run.error === null ? null : (
        <>
          {' · '}
          <code>{run.error.code}</code>
        </>
      )}
    </p>
  )
}

function Buttons({ run, onChange }: { run: RunReply; onChange(): Promise<void> }) {
  const error = useSignal<ApiError | null>(null)
  const cancel = async () => {
    try {
      await call(`/v1/runs/${run.id}/cancel`, { method: 'POST' })
      await onChange()
    } catch (thrown) {
      error.value = toApiError(thrown)
    }
  }
  return (
    <div class="buttons">
      {isActive(run) ? (
        <button type="button" onClick={cancel}>
          Stop
        </button>
      ) : null}
      {run.session_id === null || run.surface !== 'native' ? null : (
        <a class="button quiet" href={hrefOf('chat', run.session_id)}>
          Open session
        </a>
      )}
      <CopyButton text={() => toCurl(`/v1/runs/${run.id}/events?events=full`)} label="Copy as curl" />
      <ErrorNotice error={error.value} />
    </div>
  )
}

export function Run({ id }: { id: string }) {
  const { data, error, reload } = useLoad<RunReply>(`/v1/runs/${id}`, refreshEveryMs)
  const run = data.value
  return (
    <>
      <header class="bar">
        <h1>Run</h1>
        <p>
          <code>{id}</code>
        </p>
      </header>
      <ErrorNotice error={error.value} />
      {run === null ? null : (
        <>
          <Facts run={run} />
          <Buttons run={run} onChange={reload} />
          <Events key={id} run={run} />
        </>
      )}
    </>
  )
}

function Events({ run }: { run: RunReply }) {
  const conversation = useMemo(() => new Conversation(), [run.id])
  useEffect(() => {
    void conversation.openRun(run)
    return () => conversation.close()
  }, [conversation])
  return (
    <>
      <ErrorNotice error={conversation.error.value} />
      <Transcript conversation={conversation} />
    </>
  )
}

// Claude Code's conversations, those of the terminal too: found, opened, renamed, copied, deleted.
import { useSignal } from '@preact/signals'
import type { SessionList, SessionSummary } from '../../src/surfaces/native/session-schemas.ts'
import { type ApiError, call, query, toApiError } from '../lib/api.ts'
import { fork } from '../lib/fork.ts'
import { time } from '../lib/format.ts'
import { hrefOf } from '../lib/router.ts'
import { useList } from '../lib/use-list.tsx'
import { Fault } from '../parts/fault.tsx'

const lookEveryMs = 5_000

export function Sessions() {
  const search = useSignal('')
  const path = `/v1/sessions${query({ q: search.value, limit: 50 })}`
  const { items, fault, more, reload } = useList<SessionList, SessionSummary>(path, lookEveryMs, {
    read: (page) => page.sessions,
    idOf: (session) => session.session_id,
  })
  return (
    <>
      <h1>Sessions</h1>
      <input
        type="search"
        aria-label="Search by title or first prompt"
        placeholder="Search by title or first prompt"
        value={search.value}
        onInput={({ currentTarget }) => (search.value = currentTarget.value)}
      />
      <Fault fault={fault} />
      {items?.length === 0 ? <Empty search={search.value} /> : null}
      <ul class="list">
        {items?.map((session) => (
          <Row key={session.session_id} session={session} onChange={reload} />
        ))}
      </ul>
      {more}
    </>
  )
}

function Empty({ search }: { search: string }) {
  if (search !== '') return <p class="empty">No session has “{search}” in its title or first prompt.</p>
  return (
    <p class="empty">
      There are no sessions yet. <a href={hrefOf('chat')}>Begin one</a>, or run <code>claude</code> in a terminal: it
      shows up here as well.
    </p>
  )
}

function Row({ session, onChange }: { session: SessionSummary; onChange(): Promise<void> }) {
  const fault = useSignal<ApiError | null>(null)
  const state = useSignal<'shown' | 'renamed' | 'deleted'>('shown')
  const title = useSignal(session.title)
  const path = `/v1/sessions/${session.session_id}`
  const run = async (work: () => Promise<unknown>) => {
    fault.value = null
    try {
      await work()
      state.value = 'shown'
      await onChange()
    } catch (thrown) {
      fault.value = toApiError(thrown)
    }
  }
  const rename = (event: Event) => {
    event.preventDefault()
    void run(() => call(path, { method: 'PATCH', body: { title: title.value } }))
  }
  return (
    <li>
      {state.value === 'renamed' ? (
        <form class="line" onSubmit={rename}>
          <input
            type="text"
            aria-label="Title"
            value={title.value}
            onInput={({ currentTarget }) => (title.value = currentTarget.value)}
          />
          <button type="submit">Save</button>
          <button type="button" onClick={() => (state.value = 'shown')}>
            Leave it
          </button>
        </form>
      ) : (
        <a class="title" href={hrefOf('chat', session.session_id)}>
          {session.title || 'Without a title'}
        </a>
      )}
      <p class="facts">
        {session.running === null ? null : <b class="status running">running</b>} {time(session.updated_at)}
        {session.cwd === null ? null : (
          <>
            {' · '}
            <code>{session.cwd}</code>
          </>
        )}
      </p>
      <div class="buttons">
        {state.value === 'deleted' ? (
          <>
            <span>Delete it for good, in Claude Code too?</span>
            <button type="button" onClick={() => run(() => call(path, { method: 'DELETE' }))}>
              Delete
            </button>
            <button type="button" onClick={() => (state.value = 'shown')}>
              Keep it
            </button>
          </>
        ) : (
          <>
            <button type="button" class="quiet" onClick={() => (state.value = 'renamed')}>
              Rename
            </button>
            <button type="button" class="quiet" onClick={() => run(() => fork(session.session_id))}>
              Fork
            </button>
            <button type="button" class="quiet" onClick={() => (state.value = 'deleted')}>
              Delete …
            </button>
          </>
        )}
      </div>
      <Fault fault={fault.value} />
    </li>
  )
}

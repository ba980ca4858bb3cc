// Claude Code's conversations, including those from the terminal: search, open, rename, fork, delete.
import { useSignal } from '@preact/signals'
import type { SessionList, SessionSummary } from '../../src/surfaces/native/session-reply-schemas.ts'
import { type ApiError, call, query, toApiError } from '../lib/api.ts'
import { fork } from '../lib/fork.ts'
import { time } from '../lib/format.ts'
import { hrefOf } from '../lib/router.ts'
import { useList } from '../lib/use-list.tsx'
import { ErrorNotice } from '../parts/error-notice.tsx'

const refreshEveryMs = 5_000

export function Sessions() {
  const search = useSignal('')
  const path = `/v1/sessions${query({ q: search.value, limit: 50 })}`
  const { items, error, more, reload } = useList<SessionList, SessionSummary>(path, refreshEveryMs, {
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
      <ErrorNotice error={error} />
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
      No sessions yet. <a href={hrefOf('chat')}>Start one</a>, or run <code>claude</code> in a terminal: its
      conversations appear here too.
    </p>
  )
}

function Row({ session, onChange }: { session: SessionSummary; onChange(): Promise<void> }) {
  const error = useSignal<ApiError | null>(null)
  const state = useSignal<'idle' | 'renaming' | 'deleting'>('idle')
  const title = useSignal(session.title)
  const path = `/v1/sessions/${session.session_id}`
  const perform = async (work: () => Promise<unknown>) => {
    error.value = null
    try {
      await work()
      state.value = 'idle'
      await onChange()
    } catch (thrown) {
      error.value = toApiError(thrown)
    }
  }
  const rename = (event: Event) => {
    event.preventDefault()
    void perform(() => call(path, { method: 'PATCH', body: { title: title.value } }))
  }
  return (
    <li>
      {state.value === 'renaming' ? (
        <form class="line" onSubmit={rename}>
          <input
            type="text"
            aria-label="Title"
            value={title.value}
            onInput={({ currentTarget }) => (title.value = currentTarget.value)}
          />
          <button type="submit">Save</button>
          <button type="button" onClick={() => (state.value = 'idle')}>
            Cancel
          </button>
        </form>
      ) : (
        <a class="title" href={hrefOf('chat', session.session_id)}>
          {session.title || 'Untitled'}
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
        {state.value === 'deleting' ? (
          <>
            <span>Delete permanently? This also deletes it from Claude Code.</span>
            <button type="button" onClick={() => perform(() => call(path, { method: 'DELETE' }))}>
              Delete
            </button>
            <button type="button" onClick={() => (state.value = 'idle')}>
              Cancel
            </button>
          </>
        ) : (
          <>
            <button type="button" class="quiet" onClick={() => (state.value = 'renaming')}>
              Rename
            </button>
            <button type="button" class="quiet" onClick={() => perform(() => fork(session.session_id))}>
              Fork
            </button>
            <button type="button" class="quiet" onClick={() => (state.value = 'deleting')}>
              Delete…
            </button>
          </>
        )}
      </div>
      <ErrorNotice error={error.value} />
    </li>
  )
}

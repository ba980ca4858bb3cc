// The page: navigation and the current view. It uses nothing but the public API of the server.
import { useSignalEffect } from '@preact/signals'
import { render } from 'preact'
import type { HealthReply } from '../src/surfaces/native/server-schemas.ts'
import { announcement } from './lib/announce.ts'
import { ApiError, logIn, loginError, needsKey, serverCommand } from './lib/api.ts'
import { hrefOf, replaceRoute, route } from './lib/router.ts'
import { useLoad } from './lib/use-load.ts'
import { Chat } from './views/chat.tsx'
import { KeyForm } from './views/key-form.tsx'
import { Run, Runs } from './views/runs.tsx'
import { Server } from './views/server.tsx'
import { Sessions } from './views/sessions.tsx'
import { Usage } from './views/usage.tsx'

const views = [
  ['chat', 'Chat'],
  ['sessions', 'Sessions'],
  ['runs', 'Runs'],
  ['usage', 'Usage'],
  ['server', 'Server'],
] as const

function View() {
  const { view, id } = route.value
  switch (view) {
    case 'chat':
      return <Chat id={id} />
    case 'sessions':
      return <Sessions />
    case 'runs':
      return id === null ? <Runs /> : <Run id={id} />
    case 'usage':
      return <Usage />
    case 'server':
      return <Server />
    default:
      return (
        <p class="empty">
          There is nothing here. <a href={hrefOf('chat')}>Start a chat</a>
        </p>
      )
  }
}

/** So that nobody takes the scripted model's answers for Claude's. */
function DemoMark() {
  const { data } = useLoad<HealthReply>('/v1/health')
  useSignalEffect(() => {
    if (data.value !== null) serverCommand.value = data.value.command
  })
  return data.value?.demo ? <p class="demo">Demo: a scripted model answers</p> : null
}

function Page() {
  const { view, id } = route.value
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to content
      </button>
      <nav aria-label="Views">
        <a class="name" href={hrefOf('chat')}>
          claude-serve
        </a>
        {views.map(([name, title]) => (
          <a
            key={name}
            href={hrefOf(name)}
            aria-current={view === name && (name !== 'chat' || id === null) ? 'page' : undefined}
          >
            {title}
          </a>
        ))}
        {needsKey.value ? null : <DemoMark />}
      </nav>
      <main id="content" tabIndex={-1}>
        {needsKey.value ? <KeyForm /> : <View />}
      </main>
      <p class="hidden" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </>
  )
}

/** Logs in with the code of a one-time link, after removing it from the URL. */
async function logInFromHash(): Promise<void> {
  const code = /^#code=(.+)$/.exec(location.hash)?.[1]
  if (code === undefined) return
  replaceRoute('chat')
  try {
    await logIn(code)
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown
    // The server has no API keys anymore, so the page needs none.
    if (thrown.code === 'invalid_request') return
    const text =
      'This link was already used or is more than a minute old. Run claude-serve open (in a clone: bin/claude-serve open) to get another one.'
    loginError.value = thrown.status === 401 ? new ApiError(401, { error: text, code: thrown.code }) : thrown
    needsKey.value = true
  }
}

/** `/` focuses the search field or the prompt. */
function onKey(event: KeyboardEvent): void {
  const isTyping = event.target instanceof Element && event.target.matches('input, textarea, select')
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
  const field = document.querySelector<HTMLElement>('input[type="search"], .composer textarea')
  if (field === null) return
  event.preventDefault()
  field.focus()
}

addEventListener('keydown', onKey)
addEventListener('hashchange', () => void logInFromHash())
await logInFromHash()
const root = document.getElementById('page')
if (root !== null) {
  root.replaceChildren()
  render(<Page />, root)
}

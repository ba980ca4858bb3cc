// The page: its frame and which view is in it. It knows the server by its public API alone.
import { render } from 'preact'
import { announcement } from './lib/announce.ts'
import { ApiError, logIn, loginFault, needsKey } from './lib/api.ts'
import { hrefOf, place, replacePlace } from './lib/router.ts'
import { Chat } from './views/chat.tsx'
import { KeyForm } from './views/key.tsx'
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
  const { view, id } = place.value
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
          There is nothing here. <a href={hrefOf('chat')}>Talk to Claude</a>
        </p>
      )
  }
}

function Page() {
  const { view, id } = place.value
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        To the content
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

/** A one-time link brings a code, which is taken out of the address before anything else happens. */
async function takeCode(): Promise<void> {
  const code = /^#code=(.+)$/.exec(location.hash)?.[1]
  if (code === undefined) return
  replacePlace('chat')
  try {
    await logIn(code)
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown
    // There are no keys any more: nothing is needed.
    if (thrown.code === 'invalid_request') return
    const text = 'This link was used, or its minute is over. Run claude-serve open for another.'
    loginFault.value = thrown.status === 401 ? new ApiError(401, { error: text, code: thrown.code }) : thrown
    needsKey.value = true
  }
}

/** `/` leads to where one writes: a search, or the prompt. */
function onKey(event: KeyboardEvent): void {
  const isWriting = event.target instanceof Element && event.target.matches('input, textarea, select')
  if (event.key !== '/' || isWriting || event.ctrlKey || event.metaKey || event.altKey) return
  const field = document.querySelector<HTMLElement>('input[type="search"], .composer textarea')
  if (field === null) return
  event.preventDefault()
  field.focus()
}

addEventListener('keydown', onKey)
addEventListener('hashchange', () => void takeCode())
await takeCode()
const root = document.getElementById('page')
if (root !== null) {
  root.replaceChildren()
  render(<Page />, root)
}

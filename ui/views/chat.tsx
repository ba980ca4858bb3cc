// The chat view: a new or existing conversation.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { type ApiError, toApiError } from '../lib/api.ts'
import { type ChatBody, Conversation, metadataOf } from '../lib/conversation.ts'
import { toCurl } from '../lib/curl.ts'
import { fork } from '../lib/fork.ts'
import { money } from '../lib/format.ts'
import { bodyOf, values } from '../lib/options.ts'
import { randomId } from '../lib/random-id.ts'
import { hrefOf, replaceRoute, route } from '../lib/router.ts'
import { userTurn } from '../lib/turn.ts'
import { useInterval } from '../lib/use-load.ts'
import { useModels } from '../lib/use-models.ts'
import { Composer } from '../parts/composer.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { ErrorNotice } from '../parts/error-notice.tsx'
import { Transcript } from '../parts/transcript.tsx'

const refreshEveryMs = 2_000

const examples = [
  'List the files here and explain what this folder is about.',
  'Think of a name for a server that never sleeps.',
  'Explain what an event stream is, in Markdown, with a short code example.',
]

/** The conversation started here last. It stays on screen when its URL gets an id. */
let started: Conversation | null = null

/** Stores the run of a conversation that has no id yet, so that the page can find it after a reload. */
const startedRunKey = 'claude-serve.started-run'

function conversationOf(id: string | null): Conversation {
  if (id !== null && started?.sessionId.peek() === id && started.error.peek() === null) return started
  const conversation = new Conversation()
  conversation.onRun = (runId) => sessionStorage.setItem(startedRunKey, runId)
  conversation.onSession = (sessionId) => {
    sessionStorage.removeItem(startedRunKey)
    started?.close()
    started = conversation
    // Only if the user has not navigated away in the meantime.
    if (route.peek().view === 'chat' && route.peek().id === null) replaceRoute('chat', sessionId)
  }
  const runId = sessionStorage.getItem(startedRunKey)
  if (id !== null) void conversation.open(id)
  else if (runId !== null) {
    sessionStorage.removeItem(startedRunKey)
    void conversation.resumeFrom(runId)
  }
  return conversation
}

export function Chat({ id }: { id: string | null }) {
  const conversation = useMemo(() => conversationOf(id), [id])
  const text = useSignal('')
  const { names } = useModels()
  useEffect(
    () => () => {
      if (started !== conversation) conversation.close()
    },
    [conversation],
  )
  useInterval(refreshEveryMs, () => void conversation.checkForNewRuns(), [conversation])
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && conversation.runId.value !== null) void conversation.stop()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [conversation])

  const send = (body: ChatBody, prompt: string, files: readonly string[]) => {
    const metadata = metadataOf(prompt || files.join(', '))
    const notes = files.map((name) => `Attached: ${name}`)
    return conversation.send(
      { ...body, background: true, approvals: true, metadata },
      userTurn(randomId(), prompt, notes),
    )
  }
  const retry = () => {
    const { lastBody } = conversation
    const prompt = conversation.turns.value.findLast(({ role }) => role === 'user')?.text ?? ''
    if (lastBody !== null) void conversation.send(lastBody, userTurn(randomId(), prompt))
  }
  const sendExample = (prompt: string) => {
    try {
      void send({ prompt, ...bodyOf(values.value) }, prompt, [])
    } catch {
      // Invalid options: the composer shows the error when the prompt is sent from there.
      text.value = prompt
    }
  }
  const isEmpty = conversation.turns.value.length === 0 && id === null && !conversation.isBusy.value
  return (
    <div class="chat">
      {id === null ? <h1 class="hidden">New conversation</h1> : <SessionBar conversation={conversation} id={id} />}
      {isEmpty ? <Welcome onChoose={sendExample} /> : null}
      <Transcript conversation={conversation} onRetry={conversation.lastBody === null ? undefined : retry} />
      {conversation.isLoading.value ? <p class="waiting">Loading…</p> : null}
      <div class="below">
        {conversation.isReconnecting.value ? (
          <p class="error" role="status">
            Connection lost. Reconnecting… The run continues on the server.
          </p>
        ) : null}
        <ErrorNotice error={conversation.error.value} />
        <Composer
          text={text}
          sessionId={conversation.sessionId.value}
          isBusy={conversation.isBusy.value}
          models={names.value.filter((name) => !name.includes('/'))}
          onSend={send}
          onStop={() => void conversation.stop()}
        />
      </div>
    </div>
  )
}

function Welcome({ onChoose }: { onChoose(prompt: string): void }) {
  return (
    <section class="welcome">
      <h2>Talk to your own Claude Code</h2>
      <p>Anything you can do here, any program on this machine can do too. Try one of these:</p>
      <ul>
        {examples.map((example) => (
          <li key={example}>
            <button type="button" onClick={() => onChoose(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
      <p>Or from a terminal:</p>
      <p class="line">
        <code>{toCurl('/v1/chat/stream', { prompt: 'Say hello' })}</code>
        <CopyButton text={() => toCurl('/v1/chat/stream', { prompt: 'Say hello' })} label="Copy" />
      </p>
    </section>
  )
}

function SessionBar({ conversation, id }: { conversation: Conversation; id: string }) {
  const error = useSignal<ApiError | null>(null)
  const session = conversation.session.value
  const forkSession = async () => {
    try {
      await fork(id)
    } catch (thrown) {
      error.value = toApiError(thrown)
    }
  }
  return (
    <header class="bar">
      <h1>{session?.title ?? 'Conversation'}</h1>
      <p>
        {session?.cwd === undefined ? null : <code>{session.cwd}</code>}
        {session?.cost_usd ? ` ${session.cost_is_estimated ? 'about ' : ''}${money(session.cost_usd)}` : ''}
      </p>
      <div class="buttons">
        <a class="button" href={hrefOf('chat')}>
          New
        </a>
        <button type="button" onClick={forkSession} disabled={conversation.isBusy.value}>
          Fork
        </button>
        {session?.resume_command ? (
          <CopyButton text={() => session.resume_command ?? ''} label="Copy command to continue in a terminal" />
        ) : null}
      </div>
      <ErrorNotice error={error.value} />
    </header>
  )
}

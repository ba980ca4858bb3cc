// Talking to Claude: a conversation, or the beginning of one.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { type ApiError, toApiError } from '../lib/api.ts'
import { type ChatBody, Conversation, metadataOf } from '../lib/conversation.ts'
import { toCurl } from '../lib/curl.ts'
import { fork } from '../lib/fork.ts'
import { money } from '../lib/format.ts'
import { bodyOf, values } from '../lib/options.ts'
import { randomId } from '../lib/random-id.ts'
import { hrefOf, place, replacePlace } from '../lib/router.ts'
import { userTurn } from '../lib/turn.ts'
import { useEvery } from '../lib/use-load.ts'
import { useModels } from '../lib/use-models.ts'
import { Composer } from '../parts/composer.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { Fault } from '../parts/fault.tsx'
import { Transcript } from '../parts/transcript.tsx'

const lookEveryMs = 2_000

const examples = [
  'List files here, and say what this folder is about.',
  'Think of a name for a server that never sleeps.',
  'Explain what an event stream is, in Markdown, with a small example in code.',
]

/** A conversation that begins here keeps its view when its address gets an id. */
let begun: Conversation | null = null

/** The run of a conversation that has no id yet: a page that is loaded anew just then finds it by this. */
const begunRun = 'claude-serve.begun-run'

function conversationOf(id: string | null): Conversation {
  if (id !== null && begun?.sessionId.peek() === id && begun.fault.peek() === null) return begun
  const conversation = new Conversation()
  conversation.onRun = (runId) => sessionStorage.setItem(begunRun, runId)
  conversation.onSession = (sessionId) => {
    sessionStorage.removeItem(begunRun)
    begun?.close()
    begun = conversation
    // Whoever has gone elsewhere meanwhile stays there.
    if (place.peek().view === 'chat' && place.peek().id === null) replacePlace('chat', sessionId)
  }
  const runId = sessionStorage.getItem(begunRun)
  if (id !== null) void conversation.open(id)
  else if (runId !== null) {
    sessionStorage.removeItem(begunRun)
    void conversation.takeUp(runId)
  }
  return conversation
}

export function Chat({ id }: { id: string | null }) {
  const conversation = useMemo(() => conversationOf(id), [id])
  const text = useSignal('')
  const { names } = useModels()
  useEffect(
    () => () => {
      if (begun !== conversation) conversation.close()
    },
    [conversation],
  )
  useEvery(lookEveryMs, () => void conversation.look(), [conversation])
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && conversation.runId.value !== null) void conversation.stop()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [conversation])

  const ask = (body: ChatBody, words: string, files: readonly string[]) => {
    const whole = { ...body, background: true, approvals: true, metadata: metadataOf(words || files.join(', ')) }
    const notes = files.map((name) => `with ${name}`)
    return conversation.send(whole, userTurn(randomId(), words, notes))
  }
  const retry = () => {
    const { lastBody } = conversation
    const words = conversation.turns.value.findLast(({ role }) => role === 'user')?.text ?? ''
    if (lastBody !== null) void conversation.send(lastBody, userTurn(randomId(), words))
  }
  const begin = (prompt: string) => {
    try {
      void ask({ prompt, ...bodyOf(values.value) }, prompt, [])
    } catch {
      // The composer tells what is wrong with the options when it is sent from there.
      text.value = prompt
    }
  }
  const isEmpty = conversation.turns.value.length === 0 && id === null && !conversation.isBusy.value
  return (
    <div class="chat">
      {id === null ? <h1 class="hidden">New conversation</h1> : <SessionBar conversation={conversation} id={id} />}
      {isEmpty ? <Beginning onChoose={begin} /> : null}
      <Transcript conversation={conversation} onRetry={conversation.lastBody === null ? undefined : retry} />
      {conversation.isLoading.value ? <p class="waiting">Loading</p> : null}
      <div class="below">
        {conversation.isLost.value ? (
          <p class="fault" role="status">
            The connection is lost; trying to get it back. The run goes on.
          </p>
        ) : null}
        <Fault fault={conversation.fault.value} />
        <Composer
          text={text}
          sessionId={conversation.sessionId.value}
          isBusy={conversation.isBusy.value}
          models={names.value.filter((name) => !name.includes('/'))}
          onSend={ask}
          onStop={() => void conversation.stop()}
        />
      </div>
    </div>
  )
}

function Beginning({ onChoose }: { onChoose(prompt: string): void }) {
  return (
    <section class="beginning">
      <h2>Talk to your own Claude Code</h2>
      <p>What you can do here, every program on this machine can do too. Try one of these:</p>
      <ul>
        {examples.map((example) => (
          <li key={example}>
            <button type="button" onClick={() => onChoose(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
      <p>The same from a terminal:</p>
      <p class="line">
        <code>{toCurl('/v1/chat/stream', { prompt: 'Say hello' })}</code>
        <CopyButton text={() => toCurl('/v1/chat/stream', { prompt: 'Say hello' })} label="Copy" />
      </p>
    </section>
  )
}

function SessionBar({ conversation, id }: { conversation: Conversation; id: string }) {
  const fault = useSignal<ApiError | null>(null)
  const session = conversation.session.value
  const forkIt = async () => {
    try {
      await fork(id)
    } catch (thrown) {
      fault.value = toApiError(thrown)
    }
  }
  return (
    <header class="bar">
      <h1>{session?.title ?? 'Conversation'}</h1>
      <p>
        {session?.cwd === undefined ? null : <code>{session.cwd}</code>}
        {session?.cost_usd ? ` ${money(session.cost_usd)}` : ''}
      </p>
      <div class="buttons">
        <a class="button" href={hrefOf('chat')}>
          New
        </a>
        <button type="button" onClick={forkIt} disabled={conversation.isBusy.value}>
          Fork
        </button>
        {session?.resume_command ? (
          <CopyButton text={() => session.resume_command ?? ''} label="Copy the command to go on in a terminal" />
        ) : null}
      </div>
      <Fault fault={fault.value} />
    </header>
  )
}

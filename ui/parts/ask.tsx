// What Claude asks: whether it may use a tool, or a question of its own. Answered in its place.
import { useSignal } from '@preact/signals'
import type { AskEvent } from '../../src/surfaces/native/events.ts'
import { type ApiError, call, toApiError } from '../lib/api.ts'
import type { Answered } from '../lib/turn.ts'
import { Fault } from './fault.tsx'
import { ToolInput } from './tool.tsx'

type Props<T extends AskEvent> = { runId: string; ask: T }
type Permission = Extract<AskEvent, { type: 'permission_request' }>
type Question = Extract<AskEvent, { type: 'question' }>

export function Ask({
  runId,
  ask,
  answered,
  isOver,
}: Props<AskEvent> & { answered: Answered | null; isOver: boolean }) {
  if (answered !== null || isOver) return <AnsweredAsk ask={ask} answered={answered} />
  return ask.type === 'question' ? <QuestionCard runId={runId} ask={ask} /> : <PermissionCard runId={runId} ask={ask} />
}

function AnsweredAsk({ ask, answered }: { ask: AskEvent; answered: Answered | null }) {
  const what = ask.type === 'question' ? 'question' : `permission to use ${ask.tool_name}`
  const how =
    answered === null || answered.by === 'run'
      ? 'not answered: the run ended first'
      : answered.by === 'timeout'
        ? 'denied: nobody answered in time'
        : answered.behavior === 'deny'
          ? 'denied'
          : ask.type === 'question'
            ? 'answered'
            : 'allowed'
  return (
    <p class="note">
      Claude’s {what}: {how}.
    </p>
  )
}

/** Sends an answer; the card goes when the run says that it was answered. */
function useAnswer(path: string) {
  const isSending = useSignal(false)
  const fault = useSignal<ApiError | null>(null)
  const answer = async (body: unknown) => {
    isSending.value = true
    fault.value = null
    try {
      await call(path, { method: 'POST', body })
      // The card goes, and the focus with it.
      document.querySelector<HTMLElement>('.composer textarea')?.focus()
    } catch (thrown) {
      fault.value = toApiError(thrown)
      isSending.value = false
    }
  }
  return { isSending, fault, answer }
}

function PermissionCard({ runId, ask }: Props<Permission>) {
  const { isSending, fault, answer } = useAnswer(`/v1/runs/${runId}/permissions/${ask.request_id}`)
  const message = useSignal('')
  const edited = useSignal(JSON.stringify(ask.input, null, 2))
  const inputFault = useSignal<string | null>(null)
  const allow = (remember: boolean) => {
    inputFault.value = null
    const isEdited = edited.value !== JSON.stringify(ask.input, null, 2)
    try {
      const updated = isEdited ? { updated_input: JSON.parse(edited.value) as unknown } : {}
      void answer({ behavior: 'allow', ...updated, ...(remember ? { remember } : {}) })
    } catch (thrown) {
      inputFault.value = `The input is no JSON: ${String(thrown)}`
    }
  }
  const deny = () => void answer({ behavior: 'deny', ...(message.value === '' ? {} : { message: message.value }) })
  return (
    <section class="ask" aria-label={`Permission to use ${ask.tool_name}`}>
      <h3>
        Claude asks to use <b>{ask.tool_name}</b>
      </h3>
      {ask.description === null ? null : <p>{ask.description}</p>}
      {ask.blocked_path === null ? null : (
        <p>
          It concerns <code>{ask.blocked_path}</code>.
        </p>
      )}
      <ToolInput input={ask.input} />
      <details>
        <summary>Change it, or say why not</summary>
        <label>
          Its input
          <textarea
            rows={5}
            value={edited.value}
            onInput={({ currentTarget }) => (edited.value = currentTarget.value)}
          />
        </label>
        <label>
          What Claude is told where you deny it
          <input
            type="text"
            value={message.value}
            onInput={({ currentTarget }) => (message.value = currentTarget.value)}
          />
        </label>
        {inputFault.value === null ? null : <p role="alert">{inputFault.value}</p>}
      </details>
      <div class="buttons">
        <button type="button" class="main" disabled={isSending.value} onClick={() => allow(false)}>
          Allow
        </button>
        <button type="button" disabled={isSending.value} onClick={() => allow(true)}>
          Allow for this conversation
        </button>
        <button type="button" disabled={isSending.value} onClick={deny}>
          Deny
        </button>
      </div>
      <Fault fault={fault.value} />
    </section>
  )
}

type Option = { label: string; description?: string }
type Asked = { question: string; header?: string; multiSelect?: boolean; options?: Option[] }

function QuestionCard({ runId, ask }: Props<Question>) {
  const { isSending, fault, answer } = useAnswer(`/v1/runs/${runId}/answers/${ask.request_id}`)
  const questions = ask.questions as Asked[]
  const chosen = useSignal<Record<string, string[]>>({})
  const own = useSignal<Record<string, string>>({})
  const answersOf = ({ question }: Asked) => {
    const text = own.value[question]?.trim() ?? ''
    return [...(chosen.value[question] ?? []), ...(text === '' ? [] : [text])]
  }
  const isWhole = questions.every((each) => answersOf(each).length > 0)
  const choose = ({ question, multiSelect }: Asked, label: string, isOn: boolean) => {
    const others = multiSelect === true ? (chosen.value[question] ?? []).filter((each) => each !== label) : []
    chosen.value = { ...chosen.value, [question]: isOn ? [...others, label] : others }
  }
  const submit = (event: Event) => {
    event.preventDefault()
    const answers = questions.map((each) => {
      const given = answersOf(each)
      return [each.question, each.multiSelect === true ? given : (given.at(-1) ?? '')]
    })
    void answer({ answers: Object.fromEntries(answers) })
  }
  return (
    <form class="ask" aria-label="Claude asks" onSubmit={submit}>
      {questions.map((each, at) => (
        <fieldset key={at}>
          <legend>{each.question}</legend>
          {(each.options ?? []).map(({ label, description }) => (
            <label key={label} class="choice">
              <input
                type={each.multiSelect === true ? 'checkbox' : 'radio'}
                name={`${ask.request_id}-${at}`}
                checked={chosen.value[each.question]?.includes(label) ?? false}
                onChange={({ currentTarget }) => choose(each, label, currentTarget.checked)}
              />
              <span>
                {label}
                {description === undefined ? null : <small>{description}</small>}
              </span>
            </label>
          ))}
          <label>
            In your own words
            <input
              type="text"
              value={own.value[each.question] ?? ''}
              onInput={({ currentTarget }) => (own.value = { ...own.value, [each.question]: currentTarget.value })}
            />
          </label>
        </fieldset>
      ))}
      <div class="buttons">
        <button type="submit" class="main" disabled={!isWhole || isSending.value}>
          Answer
        </button>
      </div>
      <Fault fault={fault.value} />
    </form>
  )
}

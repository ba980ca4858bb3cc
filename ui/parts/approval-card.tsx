// An approval in a conversation: a permission prompt for a tool, or a question from Claude. It is answered right here.
import { useSignal } from '@preact/signals'
import type { ApprovalEvent } from '../../src/surfaces/native/events.ts'
import { type ApiError, call, toApiError } from '../lib/api.ts'
import type { Decision } from '../lib/turn.ts'
import { ErrorNotice } from './error-notice.tsx'
import { ToolInput } from './tool-call.tsx'

type Props<T extends ApprovalEvent> = { runId: string; approval: T }
type PermissionEvent = Extract<ApprovalEvent, { type: 'permission_request' }>
type QuestionEvent = Extract<ApprovalEvent, { type: 'question' }>

export function ApprovalCard({
  runId,
  approval,
  decision,
  isOver,
}: Props<ApprovalEvent> & { decision: Decision | null; isOver: boolean }) {
  if (decision !== null || isOver) return <DecisionNote approval={approval} decision={decision} />
  return approval.type === 'question' ? (
    <QuestionCard runId={runId} approval={approval} />
  ) : (
    <PermissionCard runId={runId} approval={approval} />
  )
}

function DecisionNote({ approval, decision }: { approval: ApprovalEvent; decision: Decision | null }) {
  const subject = approval.type === 'question' ? 'Question from Claude' : `Permission to use ${approval.tool_name}`
  const outcome =
    decision === null || decision.by === 'run'
      ? 'not answered before the run ended'
      : decision.by === 'timeout'
        ? 'denied because nobody answered in time'
        : decision.behavior === 'deny'
          ? 'denied'
          : approval.type === 'question'
            ? 'answered'
            : 'allowed'
  return (
    <p class="note">
      {subject}: {outcome}.
    </p>
  )
}

/** Sends an answer. The card disappears when the run reports that it was answered. */
function useAnswer(path: string) {
  const isSending = useSignal(false)
  const error = useSignal<ApiError | null>(null)
  const answer = async (body: unknown) => {
    isSending.value = true
    error.value = null
    try {
      await call(path, { method: 'POST', body })
      // The card is about to disappear, and with it the focus.
      document.querySelector<HTMLElement>('.composer textarea')?.focus()
    } catch (thrown) {
      error.value = toApiError(thrown)
      isSending.value = false
    }
  }
  return { isSending, error, answer }
}

function PermissionCard({ runId, approval }: Props<PermissionEvent>) {
  const { isSending, error, answer } = useAnswer(`/v1/runs/${runId}/permissions/${approval.request_id}`)
  const message = useSignal('')
  const edited = useSignal(JSON.stringify(approval.input, null, 2))
  const inputError = useSignal<string | null>(null)
  const allow = (remember: boolean) => {
    inputError.value = null
    const isEdited = edited.value !== JSON.stringify(approval.input, null, 2)
    try {
      const updated = isEdited ? { updated_input: JSON.parse(edited.value) as unknown } : {}
      void answer({ behavior: 'allow', ...updated, ...(remember ? { remember } : {}) })
    } catch (thrown) {
      inputError.value = `The input must be valid JSON: ${String(thrown)}`
    }
  }
  const deny = () => void answer({ behavior: 'deny', ...(message.value === '' ? {} : { message: message.value }) })
  return (
    <section class="approval" aria-label={`Permission to use ${approval.tool_name}`}>
      <h3>
        Claude wants to use <b>{approval.tool_name}</b>
      </h3>
      {approval.description === null ? null : <p>{approval.description}</p>}
      {approval.blocked_path === null ? null : (
        <p>
          Path: <code>{approval.blocked_path}</code>
        </p>
      )}
      <ToolInput input={approval.input} />
      <details>
        <summary>Edit the input or explain a denial</summary>
        <label>
          Input
          <textarea
            rows={5}
            value={edited.value}
            onInput={({ currentTarget }) => (edited.value = currentTarget.value)}
          />
        </label>
        <label>
          Explanation for Claude if you deny
          <input
            type="text"
            value={message.value}
            onInput={({ currentTarget }) => (message.value = currentTarget.value)}
          />
        </label>
        {inputError.value === null ? null : <p role="alert">{inputError.value}</p>}
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
      <ErrorNotice error={error.value} />
    </section>
  )
}

type Option = { label: string; description?: string }
type Question = { question: string; header?: string; multiSelect?: boolean; options?: Option[] }

function QuestionCard({ runId, approval }: Props<QuestionEvent>) {
  const { isSending, error, answer } = useAnswer(`/v1/runs/${runId}/answers/${approval.request_id}`)
  const questions = approval.questions as Question[]
  const chosen = useSignal<Record<string, string[]>>({})
  const ownText = useSignal<Record<string, string>>({})
  const answersOf = ({ question }: Question) => {
    const text = ownText.value[question]?.trim() ?? ''
    return [...(chosen.value[question] ?? []), ...(text === '' ? [] : [text])]
  }
  const isComplete = questions.every((each) => answersOf(each).length > 0)
  const choose = ({ question, multiSelect }: Question, label: string, isOn: boolean) => {
    const others = multiSelect === true ? (chosen.value[question] ?? []).filter((each) => each !== label) : []
    chosen.value = { ...chosen.value, [question]: isOn ? [...others, label] : others }
  }
  const submit = (event: Event) => {
    event.preventDefault()
    const answers = questions.map((each) => {
      const texts = answersOf(each)
      return [each.question, each.multiSelect === true ? texts : (texts.at(-1) ?? '')]
    })
    void answer({ answers: Object.fromEntries(answers) })
  }
  return (
    <form class="approval" aria-label="Question from Claude" onSubmit={submit}>
      {questions.map((each, index) => (
        <fieldset key={index}>
          <legend>{each.question}</legend>
          {(each.options ?? []).map(({ label, description }) => (
            <label key={label} class="choice">
              <input
                type={each.multiSelect === true ? 'checkbox' : 'radio'}
                name={`${approval.request_id}-${index}`}
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
              value={ownText.value[each.question] ?? ''}
              onInput={({ currentTarget }) =>
                (ownText.value = { ...ownText.value, [each.question]: currentTarget.value })
              }
            />
          </label>
        </fieldset>
      ))}
      <div class="buttons">
        <button type="submit" class="main" disabled={!isComplete || isSending.value}>
          Answer
        </button>
      </div>
      <ErrorNotice error={error.value} />
    </form>
  )
}

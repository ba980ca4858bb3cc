// Claude's questions, as its own tool writes them, and what a person answers: the number of an option, several numbers, or words. What lacks
// a part is shown without it. Pure.

export type Question = { text: string; options: { label: string; description: string }[]; isMultiple: boolean }

export type Answer = string | string[]

type Fields = Record<string, unknown>

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')

export function parseQuestions(values: readonly unknown[]): Question[] {
  return values.map(fieldsOf).map(({ question, options, multiSelect }) => ({
    text: textOf(question),
    options: (Array.isArray(options) ? options : [])
      .map(fieldsOf)
      .map(({ label, description }) => ({ label: textOf(label), description: textOf(description) })),
    isMultiple: multiSelect === true,
  }))
}

/** Null if the text is no answer: it is empty, or has a number that no option has, or more of them than may be chosen. */
export function readAnswer({ options, isMultiple }: Question, text: string): Answer | null {
  const answer = text.trim()
  if (answer === '') return null
  if (options.length === 0 || !/^\d+(?:[\s,]+\d+)*$/.test(answer)) return answer
  const labels = answer.split(/[\s,]+/).flatMap((number) => options[Number(number) - 1]?.label ?? [])
  if (labels.length < answer.split(/[\s,]+/).length) return null
  if (isMultiple) return labels
  return labels.length === 1 ? (labels[0] ?? null) : null
}

/** What `readAnswer` accepts. */
export function acceptedAnswers({ options, isMultiple }: Question): string {
  if (options.length === 0) return 'an answer in your own words'
  return isMultiple
    ? 'numbers, separated by commas, or an answer in your own words'
    : 'a number, or an answer in your own words'
}

// Claude's questions, as its own tool writes them. What lacks a part is shown without it. Pure.

export type Question = { text: string; options: { label: string; description: string }[]; isMultiple: boolean }

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

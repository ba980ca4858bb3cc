// Shows an error and what can be done about it.
import type { ComponentChildren } from 'preact'
import { type ApiError, hintFor } from '../lib/api.ts'

export function ErrorNotice({ error, children }: { error: ApiError | null; children?: ComponentChildren }) {
  if (error === null) return null
  const hint = hintFor(error)
  return (
    <div class="error" role="alert">
      <p>
        {error.message} <code>{error.code}</code>
      </p>
      {hint === null ? null : <p>{hint}</p>}
      {children}
    </div>
  )
}

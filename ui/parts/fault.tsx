// What went wrong, and what can be done about it.
import type { ComponentChildren } from 'preact'
import { type ApiError, hintFor } from '../lib/api.ts'

export function Fault({ fault, children }: { fault: ApiError | null; children?: ComponentChildren }) {
  if (fault === null) return null
  const hint = hintFor(fault)
  return (
    <div class="fault" role="alert">
      <p>
        {fault.message} <code>{fault.code}</code>
      </p>
      {hint === null ? null : <p>{hint}</p>}
      {children}
    </div>
  )
}

// A list of the API: its first page, looked at again every so often, and further pages behind a button at its end.
import { useSignal, useSignalEffect } from '@preact/signals'
import type { ComponentChild } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type ApiError, call, toApiError } from './api.ts'
import { useLoad } from './use-load.ts'

type Page = { next_cursor: string | null }

export type List<T> = {
  /** Null until they are there. */
  items: T[] | null
  fault: ApiError | null
  /** Null at the end of the list. */
  more: ComponentChild
  reload(): Promise<void>
}

type Reading<P, T> = { read(page: P): T[]; idOf(item: T): string }

/** Another `path`, which has a query, is another list. */
export function useList<P extends Page, T>(path: string, everyMs: number, { read, idOf }: Reading<P, T>): List<T> {
  const { data, fault, reload } = useLoad<P>(path, everyMs)
  const further = useSignal<T[]>([])
  /** Where the further pages end; undefined before there is one. */
  const end = useSignal<string | null | undefined>(undefined)
  const moreFault = useSignal<ApiError | null>(null)
  const forget = () => {
    further.value = []
    end.value = undefined
  }
  useEffect(forget, [path])
  const before = useRef<T[]>([])
  // What new items push off the first page is not on the further ones, which were loaded earlier.
  useSignalEffect(() => {
    const now = data.value === null ? [] : read(data.value)
    const ids = new Set([...now, ...further.peek()].map(idOf))
    const pushedOff = before.current.filter((item) => !ids.has(idOf(item)))
    if (end.peek() !== undefined && now.length > 0) further.value = [...pushedOff, ...further.peek()]
    before.current = now
  })
  const add = async (cursor: string) => {
    try {
      const page = await call<P>(`${path}&cursor=${encodeURIComponent(cursor)}`)
      further.value = [...further.value, ...read(page)]
      end.value = page.next_cursor
      moreFault.value = null
    } catch (thrown) {
      moreFault.value = toApiError(thrown)
    }
  }
  const first = data.value
  const cursor = end.value === undefined ? (first?.next_cursor ?? null) : end.value
  const more =
    cursor === null ? null : (
      <button type="button" class="more" onClick={() => void add(cursor)}>
        More
      </button>
    )
  const items = first === null ? null : [...read(first), ...further.value]
  const anew = () => {
    forget()
    return reload()
  }
  return { items, fault: fault.value ?? moreFault.value, more, reload: anew }
}

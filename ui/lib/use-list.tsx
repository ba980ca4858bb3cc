// A paginated list of the API: the first page is refreshed regularly, a button at the end loads more pages.
import { useSignal, useSignalEffect } from '@preact/signals'
import type { ComponentChild } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type ApiError, call, toApiError } from './api.ts'
import { useLoad } from './use-load.ts'

type Page = { next_cursor: string | null }

export type List<T> = {
  /** Null until loaded. */
  items: T[] | null
  error: ApiError | null
  /** Null at the end of the list. */
  more: ComponentChild
  reload(): Promise<void>
}

type PageReader<P, T> = { read(page: P): T[]; idOf(item: T): string }

/** `path` must have a query. A new `path` starts a new list. */
export function useList<P extends Page, T>(path: string, everyMs: number, { read, idOf }: PageReader<P, T>): List<T> {
  const { data, error, reload } = useLoad<P>(path, everyMs)
  const extra = useSignal<T[]>([])
  /** The cursor after the last extra page; undefined if none is loaded. */
  const end = useSignal<string | null | undefined>(undefined)
  const moreError = useSignal<ApiError | null>(null)
  const reset = () => {
    extra.value = []
    end.value = undefined
  }
  useEffect(reset, [path])
  const previous = useRef<T[]>([])
  // Items that newer ones push off the first page are not on the extra pages, which were loaded earlier.
  useSignalEffect(() => {
    const current = data.value === null ? [] : read(data.value)
    const ids = new Set([...current, ...extra.peek()].map(idOf))
    const pushedOff = previous.current.filter((item) => !ids.has(idOf(item)))
    if (end.peek() !== undefined && current.length > 0) extra.value = [...pushedOff, ...extra.peek()]
    previous.current = current
  })
  const loadMore = async (cursor: string) => {
    try {
      const page = await call<P>(`${path}&cursor=${encodeURIComponent(cursor)}`)
      extra.value = [...extra.value, ...read(page)]
      end.value = page.next_cursor
      moreError.value = null
    } catch (thrown) {
      moreError.value = toApiError(thrown)
    }
  }
  const first = data.value
  const cursor = end.value === undefined ? (first?.next_cursor ?? null) : end.value
  const more =
    cursor === null ? null : (
      <button type="button" class="more" onClick={() => void loadMore(cursor)}>
        More
      </button>
    )
  const items = first === null ? null : [...read(first), ...extra.value]
  const restart = () => {
    reset()
    return reload()
  }
  return { items, error: error.value ?? moreError.value, more, reload: restart }
}

// A list of the API: its first page, looked at again every so often, and further pages behind a button at its end.
import { useSignal } from '@preact/signals'
import type { ComponentChild } from 'preact'
import { useEffect } from 'preact/hooks'
import { ApiError, call } from './api.ts'
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

/** Another `path`, which has a query, is another list. */
export function useList<P extends Page, T>(path: string, everyMs: number, read: (page: P) => T[]): List<T> {
  const { data, fault, reload } = useLoad<P>(path, everyMs)
  const further = useSignal<T[]>([])
  /** Where the further pages end; undefined before there is one. */
  const end = useSignal<string | null | undefined>(undefined)
  const moreFault = useSignal<ApiError | null>(null)
  useEffect(() => {
    further.value = []
    end.value = undefined
  }, [path])
  const add = async (cursor: string) => {
    try {
      const page = await call<P>(`${path}&cursor=${encodeURIComponent(cursor)}`)
      further.value = [...further.value, ...read(page)]
      end.value = page.next_cursor
      moreFault.value = null
    } catch (thrown) {
      moreFault.value = thrown instanceof ApiError ? thrown : new ApiError(0, {})
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
  return { items, fault: fault.value ?? moreFault.value, more, reload }
}

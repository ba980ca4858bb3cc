// Finds the name that a mistyped word most likely meant, for "did you mean" hints.
// Not a search: it returns one name or none, and never corrects anything by itself. Swapped letters count as one change,
// unlike in the libraries: docs/decisions/0020-libraries.md.

// Unknown names can come from a client. A comparison costs length × length, so long names get no hint.
const wordLengthMax = 64

/** The known name nearest to `word`, or null if none is near enough to suggest. */
export function nearestName(word: string, known: readonly string[]): string | null {
  if (word.length > wordLengthMax) return null
  const wanted = plain(word)
  let nearest: string | null = null
  let nearestDistance = Number.POSITIVE_INFINITY
  for (const name of known) {
    const candidate = plain(name)
    const distance = editDistance(wanted, candidate)
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, candidate.length) / 3))
    if (distance <= allowed && distance < nearestDistance && distance < candidate.length) {
      nearest = name
      nearestDistance = distance
    }
  }
  return nearest
}

// maxTokens, max_tokens and max-tokens are the same name to the person who typed it.
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, '')
}

/** Insertions, deletions, replacements and swaps of neighbors, each counted as one. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(
        cell(previous, column) + 1,
        cell(current, column - 1) + 1,
        cell(previous, column - 1) + (same ? 0 : 1),
      )
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) cost = Math.min(cost, cell(beforePrevious, column - 2) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return cell(previous, to.length)
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}

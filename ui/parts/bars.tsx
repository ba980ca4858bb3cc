// A bar chart: one bar for each name, with its value beside it. It is a table as well, so that whoever cannot see it can read it.
export type Bar = { name: string; value: number; text: string; details: readonly string[] }

type Props = { title: string; valueTitle: string; detailTitles: readonly string[]; bars: readonly Bar[] }

export function Bars({ title, valueTitle, detailTitles, bars }: Props) {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  return (
    <div class="wide">
      <table class="bars">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">{title}</th>
            <th scope="col">{valueTitle}</th>
            <td class="drawn" aria-hidden="true" />
            {detailTitles.map((each) => (
              <th key={each} scope="col">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {bars.map(({ name, value, text, details }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{text}</td>
              <td class="drawn" aria-hidden="true">
                <svg viewBox="0 0 100 10" preserveAspectRatio="none" role="presentation">
                  <rect width={(100 * value) / most} height="10" />
                </svg>
              </td>
              {details.map((each, at) => (
                <td key={detailTitles[at]}>{each}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

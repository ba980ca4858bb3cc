// The rarer cases that completion.test.ts leaves out.
import './completion.test.ts'

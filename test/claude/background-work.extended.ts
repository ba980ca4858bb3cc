// The combinations that background-work.test.ts leaves out.
import './background-work.test.ts'

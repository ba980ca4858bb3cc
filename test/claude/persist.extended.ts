// The combinations that persist.test.ts leaves out.
import './persist.test.ts'

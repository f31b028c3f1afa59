import type { ApiProblem } from '@/api/problem';
import { text } from '@/strings';
import { Icon } from './icons';
import classes from './states.module.css';

/** A text of the API, whose code is between backticks. */
export function Detail({ children }: { children: string }) {
  return children.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}

/** What went wrong, why, and the id that an operator needs, in small print. */
export function ProblemText({ problem, title }: { problem: ApiProblem; title?: string }) {
  return (
    <div role="alert" className={classes.problem}>
      <Icon name="warning" />
      <div>
        {title !== undefined && <strong>{title} </strong>}
        {/* With faults, the message only points to them. */}
        {problem.faults.length === 0 && <Detail>{problem.message}</Detail>}
        {problem.faults.length > 0 && (
          <ul>
            {problem.faults.map((fault) => (
              <li key={`${fault.path} ${fault.code}`}>
                <code>{fault.path}</code> <Detail>{fault.detail}</Detail>
              </li>
            ))}
          </ul>
        )}
        {problem.requestId !== null && <div className="dim small">{text.common.requestId(problem.requestId)}</div>}
      </div>
    </div>
  );
}

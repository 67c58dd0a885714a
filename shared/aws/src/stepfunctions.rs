//! Executions of a state machine.

use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionError;
use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use aws_sdk_sfn::operation::stop_execution::StopExecutionError;
use aws_sdk_sfn::types::ExecutionStatus;
use export_domain::ports::{Engine, Execution, Unavailable};

const WHAT: &str = "Step Functions";

/// A state machine of Step Functions. Names of executions are unique for 90 days after their end.
#[derive(Debug, Clone)]
pub struct StateMachine {
    client: Client,
    arn: String,
}

impl StateMachine {
    /// The state machine with that ARN.
    pub fn new(config: &SdkConfig, arn: String) -> Self {
        Self { client: Client::new(config), arn }
    }

    /// The ARN of its execution `name`.
    fn execution(&self, name: &str) -> String {
        format!("{}:{name}", self.arn.replacen(":stateMachine:", ":execution:", 1))
    }
}

impl Engine for StateMachine {
    async fn start(&self, name: &str, input: &str) -> Result<(), Unavailable> {
        let start = self.client.start_execution().state_machine_arn(&self.arn).name(name).input(input);
        match start.send().await.map_err(SdkError::into_service_error) {
            Ok(_) | Err(StartExecutionError::ExecutionAlreadyExists(_)) => Ok(()),
            Err(error) => Err(unavailable(WHAT, &error)),
        }
    }

    async fn look(&self, name: &str) -> Result<Execution, Unavailable> {
        let describe = self.client.describe_execution().execution_arn(self.execution(name));
        match describe.send().await.map_err(SdkError::into_service_error) {
            Ok(found) => Ok(match found.status() {
                // One that is to be redriven is nobody's here.
                ExecutionStatus::Running => Execution::Running,
                _ => Execution::Over,
            }),
            Err(DescribeExecutionError::ExecutionDoesNotExist(_)) => Ok(Execution::Absent),
            Err(error) => Err(unavailable(WHAT, &error)),
        }
    }

    async fn stop(&self, name: &str) -> Result<(), Unavailable> {
        let stop = self.client.stop_execution().execution_arn(self.execution(name));
        match stop.send().await.map_err(SdkError::into_service_error) {
            Ok(_) | Err(StopExecutionError::ExecutionDoesNotExist(_)) => Ok(()),
            Err(error) => Err(unavailable(WHAT, &error)),
        }
    }
}

#[cfg(all(test, feature = "dynamodb", feature = "s3"))]
mod tests {
    use super::*;
    use crate::clients::Patience;
    use crate::wire::{Reply, Service, reply};

    const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:chunks";
    const ONE: &str = "arn:aws:states:eu-west-1:123456789012:execution:chunks:one";

    fn refused(code: &str) -> Reply {
        reply(400, &[JSON], &format!(r#"{{"__type":"com.amazonaws.swf.service.v2.model#{code}"}}"#))
    }

    async fn machine(replies: impl IntoIterator<Item = Reply>) -> (Service, StateMachine) {
        let service = Service::start(replies).await;
        let machine = StateMachine::new(&service.config(Patience::ITEMS).await, ARN.to_owned());
        (service, machine)
    }

    #[tokio::test]
    async fn an_execution_that_was_started_before_is_started() {
        let started = format!(r#"{{"executionArn":"{ONE}","startDate":1}}"#);
        let (service, machine) =
            machine([reply(200, &[JSON], &started), refused("ExecutionAlreadyExists")]).await;
        for _ in 0..2 {
            assert_eq!(machine.start("one", r#"{"n":1}"#).await, Ok(()));
        }
        let body = &service.bodies()[0];
        for said in [ARN, r#""name":"one""#, r#""input":"{\"n\":1}""#] {
            assert!(body.contains(said), "{body}");
        }
        assert!(service.requests()[0].contains("awsstepfunctions.startexecution"));
    }

    #[tokio::test]
    async fn an_execution_is_absent_or_runs_or_is_over() {
        let described = |status: &str| {
            let body = format!(
                r#"{{"executionArn":"{ONE}","stateMachineArn":"{ARN}","startDate":1,"status":"{status}"}}"#
            );
            reply(200, &[JSON], &body)
        };
        let replies = [
            described("RUNNING"),
            described("SUCCEEDED"),
            described("ABORTED"),
            refused("ExecutionDoesNotExist"),
        ];
        let (service, machine) = machine(replies).await;
        for state in [Execution::Running, Execution::Over, Execution::Over, Execution::Absent] {
            assert_eq!(machine.look("one").await, Ok(state));
        }
        assert!(service.bodies()[0].contains(ONE));
    }

    #[tokio::test]
    async fn an_execution_that_is_not_there_is_stopped() {
        let (service, machine) = machine([refused("ExecutionDoesNotExist")]).await;
        assert_eq!(machine.stop("one").await, Ok(()));
        assert!(service.bodies()[0].contains(ONE));
    }
}

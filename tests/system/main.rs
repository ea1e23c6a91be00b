//! The whole system from outside: small files in, outputs compared.
#![cfg(test)]

mod accuracy;
mod answer_key;
mod arrival;
mod cells;
mod days;
mod deposits;
mod desk;
mod edges;
mod fraud;
mod fx;
mod generated_days;
mod histories;
mod join;
mod notices;
mod operations;
mod order_facts;
mod outputs;
mod records;
mod refunds;
mod second;
mod settled_worlds;
mod settlements;
mod shuffle;
mod tolerance;
mod waiting;
mod watched_ways;
mod ways;
mod worlds;
